import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createCertificateAuthority } from '../../tools/simulator/certificates.ts';
import { parseDeviceKey } from '../../tools/simulator/fleet/profile.ts';
import { mqtt } from '../../tools/transports/mqtt.ts';
import { factsOf, failureOf, payloadOf, sendContext } from '../support/deliveries.ts';
import { commandFleet, outcomesOf, testClient, testFleet, testImage } from '../support/fleet.ts';
import { runOta } from '../support/io.ts';
import { type MosquittoOptions, startMosquitto } from '../support/real-mosquitto.ts';
import { startNginx } from '../support/real-nginx.ts';
import { createFolder } from '../support/temporary-workspace.ts';

async function mosquitto(options: MosquittoOptions = {}) {
  const server = await startMosquitto(options);
  onTestFinished(() => server.stop());
  return server;
}

/** nginx with a firmware that `ota publish` has put there. */
async function updateServer(
  version: string,
  sizeBytes = 200_000,
  tls?: { cert: string; key: string },
) {
  const nginx = await startNginx(tls === undefined ? {} : { tls });
  onTestFinished(() => nginx.stop());
  const image = testImage(version, sizeBytes);
  const cwd = await createFolder({ 'app.bin': image });
  await mkdir(join(nginx.uploads, 'fw'));
  const ran = await runOta(['publish', '--binary', 'app.bin', '--to', join(nginx.uploads, 'fw')], {
    cwd,
  });
  expect(ran.stderr).toBe('');
  return { url: `${nginx.url}/fw`, image, nginx };
}

const live = { now: () => new Date(), random: Math.random };

describe('a fleet of 200 on Mosquitto, 20 of them faulty', () => {
  it('is updated, and the result names exactly the faulty ones', { timeout: 120_000 }, async () => {
    const broker = await mosquitto({ persistence: true });
    const server = await updateServer('1.1.0');
    const faults = [
      { fault: 'silent', count: 4 },
      { fault: 'fail_at', count: 4, percent: 60 },
      { fault: 'bad_hash', count: 4 },
      { fault: 'old_image', count: 4 },
      { fault: 'self_test', count: 4 },
      { fault: 'disconnect', count: 5 },
      { fault: 'power_cut', count: 5 },
      { fault: 'clock_off', count: 5 },
      { fault: 'duplicate', count: 5 },
    ];
    const fleet = await testFleet(broker.url, 200, { server_url: server.url, faults });
    const cwd = await createFolder({
      'ota_deploy_config.json': {
        mqtt: {
          broker: '127.0.0.1',
          port: broker.port,
          command_topic: 'fleet/{device}/ota/command',
          status_topic: 'fleet/{device}/ota/status',
          timeout: 5,
        },
      },
    });
    const ran = await runOta(
      ['command', 'update', '--all', '--version', '1.1.0', '--wait', '--json'],
      { cwd, live: true },
    );
    const result = JSON.parse(ran.stdout) as {
      devices: { device: string; ok: boolean; outcome: string }[];
    };
    const bad = result.devices.filter(({ ok }) => !ok);
    const expected = Array.from({ length: 20 }, (_, index) => {
      const kinds = ['silent', 'failed', 'failed', 'rolled_back', 'rolled_back'];
      return `dev-${String(index).padStart(4, '0')} ${kinds[Math.floor(index / 4)]}`;
    });
    expect(bad.map(({ device, outcome }) => `${device} ${outcome}`).sort()).toEqual(expected);
    expect(result.devices).toHaveLength(200);
    expect(ran.exitCode).toBe(1);
    expect(fleet.versions()).toEqual({ '1.0.0': 20, '1.1.0': 180 });
  });
});

describe('pulling the plug', () => {
  it('on the broker, in the middle of an update, loses nothing', { timeout: 60_000 }, async () => {
    const broker = await mosquitto({ persistence: true });
    const server = await updateServer('1.1.0');
    const faults = Array.from({ length: 6 }, () => ({ fault: 'slow', count: 1, delay_ms: 400 }));
    await testFleet(broker.url, 6, { server_url: server.url, faults });
    const client = await testClient(broker.url, { sessionSeconds: 300 });
    let restarted: Promise<void> | undefined;
    const run = await commandFleet(
      client,
      { timeoutMs: 20_000 },
      {
        notify(event) {
          if (event.type === 'moved' && event.wait.fresh?.state === 'downloading') {
            restarted ??= broker.restart();
          }
        },
      },
    );
    await restarted;
    expect(outcomesOf(run)).toEqual(
      Array.from({ length: 6 }, (_, index) => `dev-000${index} updated`),
    );
  });

  it('on the broker, in the middle of a chunked push, loses nothing', {
    timeout: 60_000,
  }, async () => {
    const broker = await mosquitto({ persistence: true });
    const image = testImage('1.1.0', 1_000_000);
    const fleet = await testFleet(broker.url, 5, { source: 'push', topic: 'fw' });
    const devices = fleet.devices.map(({ name }) => name);
    const channel = { broker: broker.url, topic: 'fw', mode: 'chunked', devices, window: 4 };
    const facts = factsOf(image, { version: '1.1.0' });
    const [delivery] = mqtt.prepare(channel, { artifact: facts, devices: [] });
    let restarted: Promise<void> | undefined;
    const receipt = await delivery?.send(
      payloadOf(image, facts),
      sendContext({
        ...live,
        onProgress(sent) {
          if (sent > 300_000) restarted ??= broker.restart();
        },
      }),
    );
    await restarted;
    expect(receipt?.answer).toMatch(/^5 devices have it/);
    await expect.poll(() => fleet.versions(), { timeout: 15_000 }).toEqual({ '1.1.0': 5 });
  });
});

describe('Mosquitto with TLS, users and access lists', () => {
  it('carries a whole update, and a missing right is named', { timeout: 60_000 }, async () => {
    const authority = await createCertificateAuthority(new Date());
    const tls = await authority.issue({ names: ['127.0.0.1'] });
    const broker = await mosquitto({
      tls,
      users: { host: 'host-pw', devices: 'devices-pw', reader: 'reader-pw' },
      acl: [
        ...['user host', 'topic readwrite fleet/#'],
        ...['user devices', 'topic readwrite fleet/#'],
        ...['user reader', 'topic read fleet/#'],
      ],
    });
    const server = await updateServer('1.1.0', 50_000, tls);
    await testFleet(
      broker.url,
      3,
      { server_url: server.url },
      {
        ca: authority.ca,
        username: 'devices',
        password: 'devices-pw',
      },
    );
    const cwd = await createFolder({ 'ca.pem': authority.ca });
    const configFor = (username: string, password: string) => ({
      mqtt: {
        broker: '127.0.0.1',
        port: broker.port,
        tls: true,
        ca: 'ca.pem',
        username,
        password,
        command_topic: 'fleet/{device}/ota/command',
        status_topic: 'fleet/{device}/ota/status',
        timeout: 5,
      },
    });
    const command = async (username: string, password: string) => {
      const config = JSON.stringify(configFor(username, password));
      await writeFile(join(cwd, 'ota_deploy_config.json'), config);
      return await runOta(['command', 'update', '--all', '--wait'], { cwd, live: true });
    };
    const wrong = await command('host', 'no');
    expect(wrong.stderr).toContain('code: unauthorized');
    const reader = await command('reader', 'reader-pw');
    expect(reader.exitCode).toBe(1);
    const ran = await command('host', 'host-pw');
    expect(ran.stdout).toContain('3 of 3 devices ended well');
  });
});

describe('a retained announcement on Mosquitto', () => {
  it('is seen by mosquitto_sub, also its signature, and gone when all devices run it', {
    timeout: 60_000,
  }, async () => {
    const broker = await mosquitto();
    const server = await updateServer('1.1.0');
    const run = promisify(execFile);
    const cwd = await createFolder({
      'app.bin': server.image,
      'ota/manifest.json': {
        schema_version: 1,
        product: { name: 'Fleet', hardware: 'esp32' },
        deployment: {
          default_protocols: ['mqtt'],
          channels: {
            mqtt: {
              broker: broker.url,
              mode: 'announce',
              topic: 'news',
              url: `${server.url}/firmware.bin`,
              retain: true,
              devices: ['dev-0000', 'dev-0001'],
              status_topic: 'fleet/{device}/ota/status',
            },
          },
        },
        versions: [],
      },
    });
    const must = async (...words: string[]) => {
      const ran = await runOta(words, { cwd, live: true });
      expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
      return ran.stdout;
    };
    await must('package', '--binary', 'app.bin', '--version', '1.1.0', '--update-manifest');
    await must('keygen', '--out', 'key.pem');
    await must('sign', '--version', '1.1.0', '--key', 'key.pem');
    const deploying = must('deploy', '--version', '1.1.0');

    const host = ['-h', '127.0.0.1', '-p', String(broker.port), '-t', 'news'];
    const listen = ['-C', '1', '-W', '20', '-F', '%r %p'];
    const { stdout: shown } = await run('mosquitto_sub', [...host, ...listen]);
    // No device is there yet: it stands.
    const kept = await run('mosquitto_sub', [...host, ...listen, '--retained-only']);
    expect(kept.stdout.replace(/^1/, '')).toBe(shown.replace(/^[01]/, ''));
    const { signature } = JSON.parse(kept.stdout.slice(2)) as { signature: string };
    await writeFile(join(cwd, 'offer.sig'), Buffer.from(signature, 'base64'));
    const files = ['-verify', 'key.pub.pem', '-signature', 'offer.sig', 'app.bin'];
    expect((await run('openssl', ['dgst', '-sha256', ...files], { cwd })).stdout).toBe(
      'Verified OK\n',
    );

    const keys = [parseDeviceKey(await readFile(join(cwd, 'key.pub.pem'), 'utf8'), 'key')];
    const profile = { source: 'announce', topic: 'news', public_keys: ['key.pub.pem'] };
    const fleet = await testFleet(broker.url, 2, profile, { keys });
    expect(await deploying).toContain('2 devices run 1.1.0; the announcement is cleared');
    expect(fleet.versions()).toEqual({ '1.1.0': 2 });
    const gone = run('mosquitto_sub', [...host, '-C', '1', '-W', '1', '--retained-only']);
    await expect(gone).rejects.toMatchObject({ code: 27, stdout: '' }); // 27: the time is over
  });

  it('stays when nobody comes, and is taken back by hand', async () => {
    const broker = await mosquitto();
    const image = testImage('1.1.0');
    const mqttChannel = {
      broker: broker.url,
      mode: 'announce',
      topic: 'news',
      url: 'https://updates.example.com/fw',
      retain: true,
      devices: ['gone'],
      status_topic: 'fleet/{device}/ota/status',
      deadline: 1,
    };
    const facts = factsOf(image, { version: '1.1.0' });
    const [delivery] = mqtt.prepare(mqttChannel, { artifact: facts, devices: [] });
    const context = sendContext(live);
    const sending = delivery?.send(payloadOf(image, facts), context) as Promise<unknown>;
    expect((await failureOf(sending)).message).toMatch(/; the announcement stays on news$/);
    expect((await delivery?.clear?.(context))?.answer).toBe('news: 1.1.0 is cleared');
    expect((await delivery?.clear?.(context))?.answer).toBe('news: nothing is kept there');
  });
});

describe("Debian's mosquitto_sub and mosquitto_pub", () => {
  it('see exactly what the documents say', async () => {
    const broker = await mosquitto();
    const flags = ['-h', '127.0.0.1', '-p', String(broker.port)];
    const listening = promisify(execFile)('mosquitto_sub', [
      ...[...flags, '-t', 'bms/ota/command', '-C', '1', '-W', '20'],
    ]);
    const cwd = await createFolder({
      'ota_deploy_config.json': { mqtt: { broker: '127.0.0.1', port: broker.port } },
    });
    await expect.poll(() => broker.output()).toMatch(/SUBSCRIBE/);
    const ran = await runOta(['command', 'update', '--no-wait'], { cwd, live: true });
    expect(ran.exitCode).toBe(0);
    const { stdout } = await listening;
    expect(stdout).toMatch(
      /^\{"action":"update","force":false,"command_id":"[a-z0-9]+-[a-z0-9]{6}"\}\n$/,
    );
    const status =
      '{"status": 2, "progress_pct": 45, "current_version": "1.0.0", "uptime_sec": 3600}';
    await promisify(execFile)('mosquitto_pub', [
      ...flags,
      '-t',
      'bms/ota/status',
      '-r',
      '-m',
      status,
    ]);
    const watch = await runOta(['watch', '--duration', '0.5', '--json'], { cwd, live: true });
    expect(JSON.parse(watch.stdout)).toMatchObject({
      state: 'downloading',
      progress_pct: 45,
      current_version: '1.0.0',
    });
  });
});
