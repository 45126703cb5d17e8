import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startOta } from '../support/cli-process.ts';
import { testClient, testFleet, testImage } from '../support/fleet.ts';
import { runOta } from '../support/io.ts';
import { startMosquitto } from '../support/real-mosquitto.ts';
import { startNginx } from '../support/real-nginx.ts';
import { createFolder, sampleManifest } from '../support/temporary-workspace.ts';

const sizeBytes = 1_000_000;
const image = testImage('1.1.0', sizeBytes);
const chunkBytes = 4096;
const headerBytes = 16;
const names = ['dev-0000', 'dev-0001', 'dev-0002', 'dev-0003'];

/** Mosquitto as Debian sets it up: what it keeps is written every half hour, and when it ends well. */
async function mosquitto() {
  const server = await startMosquitto({ persistence: true });
  onTestFinished(() => server.stop());
  return server;
}

/** Release 1.1.0 of a product that is sent in chunks, and a configuration for commands. */
async function product(
  broker: { readonly url: string; readonly port: number },
  devices: readonly string[] = names,
) {
  const mqtt = {
    ...{ broker: broker.url, topic: 'fw', mode: 'chunked', devices },
    ...{ chunk_size: chunkBytes, window: 1, deadline: 50 },
  };
  const topics = { command_topic: 'fleet/{device}/command', status_topic: 'fleet/{device}/status' };
  const cwd = await createFolder({
    'app.bin': image,
    'ota/manifest.json': sampleManifest({
      product: { name: 'Gateway', hardware: 'esp32' },
      deployment: { default_protocols: ['mqtt'], channels: { mqtt } },
    }),
    'ota_deploy_config.json': {
      mqtt: { broker: '127.0.0.1', port: broker.port, timeout: 20, ...topics },
    },
  });
  const words = ['package', '--binary', 'app.bin', '--version', '1.1.0', '--update-manifest'];
  expect((await runOta(words, { cwd })).stderr).toBe('');
  const ota = (...words: string[]) => startOta(words, { cwd });
  return { cwd, topics, ota, deploy: () => ota('deploy', '--version', '1.1.0') };
}

/** Counts what comes on a topic. */
async function countOn(brokerUrl: string, filter: string) {
  const client = await testClient(brokerUrl, { sessionSeconds: 300 });
  let bytes = 0;
  let check = () => {};
  await client.subscribe(filter, 0, ({ payload }) => {
    bytes += payload.length;
    check();
  });
  return {
    bytes: () => bytes,
    reaches: (wanted: number) =>
      new Promise<void>((resolve) => {
        check = () => {
          if (bytes >= wanted) resolve();
        };
        check();
      }),
  };
}

const pushFleet = { source: 'push', topic: 'fw' };
const pullFleet = { source: 'pull', chunk_size: chunkBytes };
const allUpdated = { '1.1.0': names.length };

describe('pulling the plug on the publisher loses nothing', () => {
  it('in the middle of a chunked push: the next run sends the rest', async () => {
    const broker = await mosquitto();
    const { deploy } = await product(broker);
    const fleet = await testFleet(broker.url, names.length, pushFleet);
    const chunks = await countOn(broker.url, 'fw/chunk');
    const first = deploy();
    await chunks.reaches(sizeBytes / 2);
    await first.pullThePlug();
    const sentFirst = chunks.bytes();
    const second = await deploy().done;
    expect(second.stdout).toContain('answer: 4 devices have it, after 1 round; went on with an');
    expect(second.exitCode).toBe(0);
    await expect.poll(() => fleet.versions(), { timeout: 10_000 }).toEqual(allUpdated);
    const sentSecond = chunks.bytes() - sentFirst;
    expect(sentSecond).toBeLessThan(sizeBytes * 0.6);
    // With their headers; one chunk may have been on its way.
    const everything = sizeBytes + Math.ceil(sizeBytes / chunkBytes) * headerBytes;
    expect(chunks.bytes()).toBeLessThanOrEqual(everything + 2 * (chunkBytes + headerBytes));
  });

  it('of serve-chunks: devices go on where they are', async () => {
    const broker = await mosquitto();
    const { ota, topics } = await product(broker);
    const fleet = await testFleet(broker.url, names.length, { ...pullFleet, ...topics });
    const answers = await countOn(broker.url, 'v2/fw/response/#');
    const first = ota('serve-chunks', '--version', '1.1.0');
    await first.printed(/^serving /);
    const command = ota('command', 'update', '--all', '--version', '1.1.0', '--wait');
    await answers.reaches((names.length * sizeBytes) / 2);
    await first.pullThePlug();
    await ota('serve-chunks', '--version', '1.1.0').printed(/^serving /);
    const ran = await command.done;
    expect(ran.stdout).toContain('4 of 4 devices ended well');
    expect(fleet.versions()).toEqual(allUpdated);
    expect(answers.bytes()).toBeLessThanOrEqual(names.length * (sizeBytes + 2 * chunkBytes));
  });

  it('of a command that waits: the next one finds the devices where they are', async () => {
    const broker = await mosquitto();
    const { ota, topics } = await product(broker);
    const server = await updateServer();
    const faults = [{ fault: 'slow', count: names.length, delay_ms: 100 }];
    const profile = { server_url: server, faults, ...topics };
    const fleet = await testFleet(broker.url, names.length, profile);
    const words = ['command', 'update', '--all', '--version', '1.1.0', '--wait'];
    const first = ota(...words);
    await untilDownloading(broker.url);
    await first.pullThePlug();
    const second = await ota(...words).done;
    expect(second.stdout).toContain('4 of 4 devices ended well');
    expect(fleet.versions()).toEqual(allUpdated);
  });
});

/** nginx with release 1.1.0 as `ota publish` puts it there. */
async function updateServer(): Promise<string> {
  const nginx = await startNginx();
  onTestFinished(() => nginx.stop());
  const folder = join(nginx.uploads, 'fw');
  await mkdir(folder);
  const cwd = await createFolder({ 'app.bin': image });
  await runOta(['publish', '--binary', 'app.bin', '--to', folder], { cwd });
  return `${nginx.url}/fw`;
}

async function untilDownloading(brokerUrl: string): Promise<void> {
  const client = await testClient(brokerUrl);
  await new Promise<void>((resolve, reject) => {
    const heard = ({ payload }: { payload: Buffer }) => {
      if (JSON.parse(String(payload)).status === 2) resolve();
    };
    client.subscribe('fleet/+/status', 1, heard).catch(reject);
  });
}

describe('pulling the plug on the broker loses nothing', () => {
  it('in the middle of a chunked push, also for a device that comes when the manifest is lost', async () => {
    const broker = await mosquitto();
    const { deploy } = await product(broker, [...names, 'late-0000']);
    const fleet = await testFleet(broker.url, names.length, pushFleet);
    const chunks = await countOn(broker.url, 'fw/chunk');
    const push = deploy();
    await chunks.reaches(sizeBytes / 3);
    await broker.crash();
    const late = await testFleet(broker.url, 1, { ...pushFleet, device_prefix: 'late-' });
    const ran = await push.done;
    expect(ran.stdout).toContain('answer: 5 devices have it');
    await expect.poll(() => fleet.versions(), { timeout: 10_000 }).toEqual(allUpdated);
    await expect.poll(() => late.versions(), { timeout: 10_000 }).toEqual({ '1.1.0': 1 });
  });

  it('while devices pull chunks', async () => {
    const broker = await mosquitto();
    const { ota, topics } = await product(broker);
    const fleet = await testFleet(broker.url, names.length, { ...pullFleet, ...topics });
    const answers = await countOn(broker.url, 'v2/fw/response/#');
    await ota('serve-chunks', '--version', '1.1.0').printed(/^serving /);
    const command = ota('command', 'update', '--all', '--version', '1.1.0', '--wait');
    await answers.reaches((names.length * sizeBytes) / 3);
    await broker.crash();
    expect((await command.done).stdout).toContain('4 of 4 devices ended well');
    expect(fleet.versions()).toEqual(allUpdated);
  });

  it('while devices download and a command waits for them', async () => {
    const broker = await mosquitto();
    const { ota, topics } = await product(broker);
    const faults = [{ fault: 'slow', count: names.length, delay_ms: 150 }];
    const profile = { server_url: await updateServer(), faults, ...topics };
    const fleet = await testFleet(broker.url, names.length, profile);
    const command = ota('command', 'update', '--all', '--version', '1.1.0', '--wait');
    await untilDownloading(broker.url);
    await broker.crash();
    expect((await command.done).stdout).toContain('4 of 4 devices ended well');
    expect(fleet.versions()).toEqual(allUpdated);
  });
});

describe('pulling the plug on devices loses nothing', () => {
  /** Four devices as a process of their own. */
  async function devices(at: Awaited<ReturnType<typeof product>>, url: string, profile: object) {
    await writeFile(join(at.cwd, 'fleet.json'), JSON.stringify({ ...profile, ...at.topics }));
    const words = ['--count', String(names.length), '--broker', url, '--profile', 'fleet.json'];
    const started = at.ota('simulate', 'fleet', ...words);
    await started.printed(/^4 devices are connected/);
    return started;
  }

  it('in the middle of a chunked push: they begin again, and get it', async () => {
    const broker = await mosquitto();
    const at = await product(broker);
    const first = await devices(at, broker.url, pushFleet);
    const chunks = await countOn(broker.url, 'fw/chunk');
    const push = at.deploy();
    await chunks.reaches(sizeBytes / 3);
    await first.pullThePlug();
    const second = await devices(at, broker.url, pushFleet);
    const ran = await push.done;
    expect(ran.stdout).toContain('answer: 4 devices have it');
    const status = await at.ota('command', 'status', '--all', '--wait').done;
    expect(status.stdout.match(/runs 1\.1\.0/g)).toHaveLength(names.length);
    expect(second.child.exitCode).toBeNull();
  });

  it('while they pull chunks: the wait tells the truth, and the next command completes them', async () => {
    const broker = await mosquitto();
    const at = await product(broker);
    const first = await devices(at, broker.url, pullFleet);
    const answers = await countOn(broker.url, 'v2/fw/response/#');
    await at.ota('serve-chunks', '--version', '1.1.0').printed(/^serving /);
    const words = ['command', 'update', '--all', '--version', '1.1.0', '--wait'];
    const command = at.ota(...words, '--timeout', '3');
    await answers.reaches((names.length * sizeBytes) / 3);
    await first.pullThePlug();
    await devices(at, broker.url, pullFleet);
    const ran = await command.done;
    expect(ran.exitCode).toBe(1);
    expect(ran.stdout.match(/timed out +no progress for 3 s/g)).toHaveLength(names.length);
    expect((await at.ota(...words).done).stdout).toContain('4 of 4 devices ended well');
  });
});
