import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { testClient, testImage } from '../support/fleet.ts';
import { runOta } from '../support/io.ts';
import { createOpensslChain } from '../support/openssl-chain.ts';
import { type MosquittoOptions, startMosquitto } from '../support/real-mosquitto.ts';
import { type NginxOptions, startNginx } from '../support/real-nginx.ts';
import { createFolder, sampleManifest } from '../support/temporary-workspace.ts';

interface SceneOptions {
  readonly broker?: MosquittoOptions;
  readonly nginx?: NginxOptions;
  /** Over the configuration's `mqtt`. */
  readonly mqtt?: Record<string, unknown>;
  readonly ca?: string;
}

const perDevice = {
  command_topic: 'fleet/{device}/ota/command',
  status_topic: 'fleet/{device}/ota/status',
};

/** Mosquitto and nginx with what `ota publish` has put there, and a configuration that names both. */
async function scene(options: SceneOptions = {}) {
  const broker = await startMosquitto(options.broker);
  onTestFinished(() => broker.stop());
  const nginx = await startNginx(options.nginx);
  onTestFinished(() => nginx.stop());
  const tls = options.ca === undefined ? {} : { ca: 'ca.pem' };
  const mqtt = { broker: '127.0.0.1', port: broker.port, ...perDevice, ...options.mqtt };
  const cwd = await createFolder({
    'app.bin': testImage('1.1.0', 200_000),
    'ca.pem': options.ca ?? '',
    'ota/manifest.json': sampleManifest({ product: { name: 'Gateway', hardware: 'esp32' } }),
    'ota_deploy_config.json': {
      server: { base_url: `${nginx.url}/fw`, upload: join(nginx.uploads, 'fw'), ...tls },
      mqtt: { ...mqtt, tls: options.ca !== undefined, ...tls },
    },
  });
  const ota = (...words: string[]) => runOta(words, { cwd, live: true });
  await mkdir(join(nginx.uploads, 'fw'));
  const words = ['package', '--binary', 'app.bin', '--version', '1.1.0', '--update-manifest'];
  expect((await ota(...words)).stderr).toBe('');
  const publishing = ['publish', '--version', '1.1.0', '--to', join(nginx.uploads, 'fw')];
  expect((await ota(...publishing)).stderr).toBe('');
  return { broker, nginx, ota, doctor: () => ota('doctor', '--version', '1.1.0') };
}

/** `ok: broker`, one a line. */
function verdicts(stdout: string): string[] {
  return stdout.split('\n').map((line) => line.split(': ').slice(0, 2).join(': '));
}

describe('ota doctor before Mosquitto and nginx', () => {
  it('finds nothing wrong where nothing is, with TLS and a chain from openssl', async () => {
    const chain = await createOpensslChain({ leaf: 90, between: 365 });
    const { doctor } = await scene({ broker: { tls: chain }, nginx: { tls: chain }, ca: chain.ca });
    const ran = await doctor();
    expect(verdicts(ran.stdout)).toEqual([
      ...['ok: release', 'ok: broker certificate', 'ok: broker', 'ok: packet size'],
      ...['ok: subscribe to status', 'ok: retained leftovers', 'ok: publish commands'],
      ...['ok: server certificate', 'ok: version.json', 'ok: firmware', 'ok: firmware.bin'],
      ...['ok: Content-Length', 'ok: no compression', 'ok: ETag', 'ok: Range'],
      ...['ok: published release', '16 checks, 0 failed, 0 warnings', ''],
    ]);
    expect(ran.stdout).toMatch(/broker certificate: 3 certificates, .* the end of "broker\.test"/);
    expect(ran.exitCode).toBe(0);
  });

  it('warns of an authority in the chain that ends before long', async () => {
    const chain = await createOpensslChain({ leaf: 90, between: 20 });
    const { doctor } = await scene({ broker: { tls: chain }, nginx: { tls: chain }, ca: chain.ca });
    const ran = await doctor();
    const warning =
      /certificate: the authority "Test Intermediate" expires on \S+, in (19|20) days ->/;
    const lines = ran.stdout.split('\n').filter((line) => line.startsWith('warning'));
    expect(lines.map((line) => warning.test(line))).toEqual([true, true]);
    expect(ran.exitCode).toBe(0);
  });

  it('fails when an authority in the chain has expired', async () => {
    const chain = await createOpensslChain({ leaf: 90, between: -1 });
    const { doctor } = await scene({ broker: { tls: chain }, nginx: { tls: chain }, ca: chain.ca });
    const ran = await doctor();
    expect(ran.stdout).toContain(
      'FAILED: broker certificate: the authority "Test Intermediate" expired on ',
    );
    expect(ran.stdout).toContain(
      'FAILED: server certificate: the authority "Test Intermediate" expired on ',
    );
    expect(ran.exitCode).toBe(1);
  });

  it('holds the images of a release against the packet size of the broker', async () => {
    const { doctor } = await scene({ broker: { maxPacketSize: 100_000 } });
    const ran = await doctor();
    expect(ran.stdout).toContain(
      'warning: packet size: one message holds 100000 bytes; Gateway-1.1.0.bin has 200000 -> Use',
    );
    const roomy = await scene({ broker: { maxPacketSize: 300_000 } });
    expect((await roomy.doctor()).stdout).toContain('ok: packet size: up to 300000 bytes\n');
  });

  it('finds a command that was left at the broker', async () => {
    const { doctor, broker } = await scene();
    const client = await testClient(broker.url);
    await client.publish('fleet/d1/ota/command', '{"action":"update"}', { qos: 1, retain: true });
    const ran = await doctor();
    expect(ran.stdout).toContain('FAILED: retained leftovers: a command is kept on fleet/d1/ota/');
    expect(ran.exitCode).toBe(1);
  });
});

describe('the rights of a user', () => {
  /** What is said of a user whose rights are these lines of the access list. */
  async function lookAs(acl: readonly string[], mqtt: Record<string, unknown> = {}) {
    const { doctor, broker } = await scene({
      broker: {
        users: { host: 'host-pw', device: 'device-pw' },
        acl: ['user device', 'topic readwrite #', 'user host', ...acl],
      },
      mqtt: { username: 'host', password: 'host-pw', ...mqtt },
    });
    const heard: string[] = [];
    const device = await testClient(broker.url, { username: 'device', password: 'device-pw' });
    await device.subscribe('#', 2, ({ topic, payload }) => heard.push(`${topic} ${payload}`));
    const ran = await doctor();
    await device.publish('end', '', { qos: 2 });
    await expect.poll(() => heard.at(-1)).toBe('end ');
    return { ...ran, heard: heard.slice(0, -1) };
  }

  it('to command and to listen are found on topics of a device that nobody has', async () => {
    const ran = await lookAs(['topic readwrite fleet/#']);
    expect(verdicts(ran.stdout)).toEqual(
      expect.arrayContaining([
        ...['ok: subscribe to status', 'ok: retained leftovers', 'ok: publish commands'],
      ]),
    );
    expect(ran.heard).toEqual([
      'fleet/ota-doctor/ota/status ',
      'fleet/ota-doctor/ota/command {"action":"none"}',
    ]);
  });

  it('to publish commands are missed', async () => {
    const ran = await lookAs(['topic read fleet/#']);
    expect(ran.stdout).toMatch(
      /^FAILED: publish commands: \S+ refused the message to fleet\/ota-doctor\/ota\/command: Not authorized/m,
    );
    expect(ran.exitCode).toBe(1);
    expect(ran.heard).toEqual([]);
  });

  it('to hear the states are missed, although Mosquitto grants the subscription', async () => {
    const ran = await lookAs(['topic write fleet/#']);
    expect(ran.stdout).toContain(
      'FAILED: subscribe to status: fleet/+/ota/status is granted, but nothing is delivered',
    );
    expect(ran.stdout).toContain(
      'warning: retained leftovers: cannot be looked for: the broker delivers nothing on fleet/+/ota/command',
    );
    expect(ran.stdout).toContain('ok: publish commands: fleet/ota-doctor/ota/command\n');
    expect(ran.exitCode).toBe(1);
  });

  it('to write on the topic that all devices share are found without a message to anybody', async () => {
    const shared = { command_topic: 'bms/ota/command', status_topic: 'bms/ota/status' };
    const may = await lookAs(['topic readwrite bms/ota/command', 'topic read bms/#'], shared);
    expect(may.stdout).toContain('ok: publish commands: bms/ota/command, nothing was delivered\n');
    expect(may.heard).toEqual([]);
    const mayNot = await lookAs(['topic read bms/#'], shared);
    expect(mayNot.stdout).toMatch(
      /^FAILED: publish commands: \S+ refused the message to bms\/ota\/command: Not authorized/m,
    );
    expect(mayNot.exitCode).toBe(1);
    expect(mayNot.heard).toEqual([]);
  });
});

describe('an update server', () => {
  it('that compresses firmware for those who take it gets a warning', async () => {
    const gzip = ['gzip on;', 'gzip_types *;', 'gzip_min_length 1;'];
    const { doctor } = await scene({ nginx: { more: gzip } });
    const ran = await doctor();
    expect(ran.stdout).toContain('warning: no compression: gzip for clients that take it -> ');
    expect(ran.stdout).toContain('ok: version.json: 1.1.0 at ');
    expect(ran.exitCode).toBe(0);
  });

  it('that compresses firmware for everybody fails', async () => {
    const packed = ['gzip_static always;'];
    const { doctor, nginx } = await scene({ nginx: { more: packed } });
    const folder = join(nginx.uploads, 'fw');
    for (const name of await readdir(folder)) {
      const bytes = await readFile(join(folder, name));
      const packable = name.endsWith('.json') ? undefined : gzipSync(bytes);
      if (packable !== undefined) await writeFile(join(folder, `${name}.gz`), packable);
    }
    const ran = await doctor();
    expect(verdicts(ran.stdout)).toEqual(
      expect.arrayContaining(['FAILED: firmware', 'FAILED: no compression']),
    );
    expect(ran.exitCode).toBe(1);
  });

  it('without Range and ETag gets a warning: downloads cannot be resumed', async () => {
    const { doctor } = await scene({ nginx: { more: ['etag off;', 'max_ranges 0;'] } });
    const ran = await doctor();
    expect(verdicts(ran.stdout)).toEqual(
      expect.arrayContaining(['warning: ETag', 'warning: Range']),
    );
    expect(ran.exitCode).toBe(0);
  });

  it('that has no firmware yet fails', async () => {
    const { ota } = await scene();
    const ran = await ota('doctor', '--set', 'server.version_path=/none.json');
    expect(ran.stdout).toMatch(/^FAILED: version\.json: \S+\/none\.json answers with 404 -> Run/m);
    expect(ran.exitCode).toBe(1);
  });
});
