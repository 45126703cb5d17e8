import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  onTestFinished,
} from 'vitest';
import { bucketOf } from '../../tools/core/fleet/offers/bucket.ts';
import { createCertificateAuthority } from '../../tools/simulator/certificates.ts';
import { startEdgeDevice } from '../support/edge-device.ts';
import {
  commandFleet,
  testClient,
  testFleet,
  testImage,
  testUpdateServer,
} from '../support/fleet.ts';
import { findFreePort } from '../support/peers.ts';
import { type MosquittoOptions, startMosquitto } from '../support/real-mosquitto.ts';
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts';
import { adminKey, clientOf } from '../support/service.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { type PlayedUpdates, playUpdates, reportOnce } from '../support/status-story.ts';

const env = { API_KEY: adminKey, OTA_DEVICE_RATE_LIMIT: '0', OTA_ADDRESS_RATE_LIMIT: '0' };
const running: ServiceProcess[] = [];
let folder: string;
let postgres: RealPostgres;

beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres?.remove());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-mqtt-'));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.kill()));
  await rm(folder, { recursive: true, force: true });
});

async function mosquitto(options: MosquittoOptions = {}) {
  const server = await startMosquitto(options);
  onTestFinished(() => server.stop());
  return server;
}

async function start(...words: string[]): Promise<ServiceProcess> {
  const node = await startServiceProcess(['--mqtt-model', 'esp32', ...words], { cwd: folder, env });
  running.push(node);
  await untilListening(node);
  return node;
}

async function untilListening(node: ServiceProcess): Promise<void> {
  await expect
    .poll(async () => (await clientOf(node.url).call('GET', '/ready')).body.broker, {
      timeout: 15_000,
    })
    .toBe('connected');
}

interface MqttMetrics {
  readonly in_flight: number;
  readonly messages: Readonly<Record<string, number>>;
}

async function metricsOf({ url }: ServiceProcess): Promise<MqttMetrics> {
  return (await clientOf(url).call('GET', '/metrics')).body.mqtt as unknown as MqttMetrics;
}

async function heardBy(node: ServiceProcess): Promise<number> {
  return Object.values((await metricsOf(node)).messages).reduce((sum, count) => sum + count, 0);
}

type Client = ReturnType<typeof clientOf>;

/** Attempts by state; each device has one, or the sum says otherwise. */
async function attempts({ call }: Client): Promise<Record<string, number>> {
  const { body } = await call('GET', '/metrics');
  return body.recent_updates_24h as unknown as Record<string, number>;
}

/** What went to a node that is gone may come after what the device runs now; it says that again. */
async function attemptsAfterHeartbeat(client: Client, played: PlayedUpdates) {
  await played.heartbeat();
  return attempts(client);
}

/** To start another node like this one. */
function databaseOf({ words }: ServiceProcess): string[] {
  return words.slice(words.indexOf('--database'));
}

const devices = 200;

async function aNodePair(brokerUrl: string) {
  const words = ['--database', await postgres.makeUrl(), '--data', join(folder, 'shared')];
  const [one, two] = [
    await start(...words, '--mqtt-broker', brokerUrl),
    await start(...words, '--mqtt-broker', brokerUrl),
  ];
  const client = clientOf(one.url);
  await client.upload('2.0.0', testImage('2.0.0'));
  return { one, two, client };
}

describe('two nodes that share a subscription at Mosquitto', () => {
  it('handle each report once, and every device has one attempt with its end', async () => {
    const broker = await mosquitto();
    const { one, two, client } = await aNodePair(broker.url);
    const { sent } = await playUpdates(broker.url, devices);
    await expect.poll(() => attempts(client), { timeout: 20_000 }).toEqual({ confirmed: devices });
    const [first, second] = [await heardBy(one), await heardBy(two)];
    expect(first + second).toBe(sent);
    expect(Math.min(first, second)).toBeGreaterThan(sent / 4);
  }, 120_000);

  it('lose nothing when one is killed in the middle, and never comes back', async () => {
    const broker = await mosquitto();
    const { two, client } = await aNodePair(broker.url);
    let killed: Promise<void> | undefined;
    const played = await playUpdates(broker.url, devices, (sent) => {
      if (sent > devices * 2) killed ??= two.kill();
    });
    await killed;
    await expect
      .poll(() => attemptsAfterHeartbeat(client, played), { timeout: 40_000, interval: 1000 })
      .toEqual({ confirmed: devices });
  }, 120_000);

  it('lose nothing when both are killed, and one is started again', async () => {
    const broker = await mosquitto();
    const { one, two } = await aNodePair(broker.url);
    let killed: Promise<unknown> | undefined;
    const played = await playUpdates(broker.url, devices / 2, (sent) => {
      if (sent > devices) killed ??= Promise.all([one.kill(), two.kill()]);
    });
    await killed;
    const again = await start(...databaseOf(one));
    await expect
      .poll(() => attemptsAfterHeartbeat(clientOf(again.url), played), {
        timeout: 40_000,
        interval: 1000,
      })
      .toEqual({ confirmed: devices / 2 });
  }, 120_000);

  it.each([
    ['one of them is killed', 1],
    ['both are killed', 2],
    ['the database crashes', 0],
  ])(
    'lose not one of 3,000 reports when %s',
    async (_what, victims) => {
      // A broker drops what exceeds its queue; this one is to keep everything.
      const broker = await mosquitto({ more: ['max_queued_messages 0'] });
      const { one, two, client } = await aNodePair(broker.url);
      let gone: Promise<unknown> | undefined;
      const breakIt = () =>
        victims === 0
          ? postgres.crash()
          : Promise.all([two, one].slice(0, victims).map((node) => node.kill()));
      await reportOnce(broker.url, 3000, (sent) => {
        if (sent > 1000) gone ??= breakIt();
      });
      await gone;
      if (victims === 0) await postgres.start();
      const alive = victims === 2 ? clientOf((await start(...databaseOf(one))).url) : client;
      await expect.poll(() => attempts(alive), { timeout: 40_000 }).toEqual({ downloading: 3000 });
    },
    120_000,
  );

  it('take nothing while the database is away, and everything when it is back', async () => {
    const broker = await mosquitto();
    const { one, two, client } = await aNodePair(broker.url);
    let crashed: Promise<void> | undefined;
    const played = await playUpdates(broker.url, devices, (sent) => {
      if (sent > devices) crashed ??= postgres.crash();
    });
    await crashed;
    const states = await Promise.all([brokerOfAway(one), brokerOfAway(two)]);
    expect(states).toEqual(['connected', 'connected']);
    await postgres.start();
    await expect
      .poll(() => attemptsAfterHeartbeat(client, played), { timeout: 40_000, interval: 1000 })
      .toEqual({ confirmed: devices });
    for (const node of [one, two]) {
      await expect.poll(async () => (await metricsOf(node)).in_flight).toBe(0);
    }
  }, 120_000);
});

async function brokerOfAway(node: ServiceProcess): Promise<string> {
  const { status, body } = await clientOf(node.url).call('GET', '/ready');
  return status === 503 ? String(body.broker) : 'the database is there';
}

describe('a service at Mosquitto', () => {
  it('knows a large fleet from what the broker keeps, when it begins', async () => {
    const broker = await mosquitto();
    const publisher = await testClient(broker.url);
    const count = 5000;
    for (let first = 0; first < count; first += 500) {
      await Promise.all(
        Array.from({ length: 500 }, (_, index) =>
          publisher.publish(
            `fleet/kept-${first + index}/ota/status`,
            '{"status":0,"current_version":"1.0.0"}',
            { qos: 1, retain: true },
          ),
        ),
      );
    }
    const node = await start('--mqtt-broker', broker.url);
    await expect.poll(() => heardBy(node), { timeout: 20_000 }).toBe(count);
    const { body } = await clientOf(node.url).call('GET', '/metrics');
    expect(body.total_devices).toBe(count);
    expect(await node.stop()).toBe(0);
  }, 60_000);

  it('takes what came while it was stopped', async () => {
    const broker = await mosquitto();
    let node = await start('--mqtt-broker', broker.url);
    await clientOf(node.url).upload('2.0.0', testImage('2.0.0'));
    expect(await node.stop()).toBe(0);
    await playUpdates(broker.url, 50);
    node = await start('--mqtt-broker', broker.url);
    await expect
      .poll(() => attempts(clientOf(node.url)), { timeout: 20_000 })
      .toEqual({ confirmed: 50 });
  }, 60_000);

  it('goes on when the broker has been restarted', async () => {
    const broker = await mosquitto({ persistence: true });
    const node = await start('--mqtt-broker', broker.url);
    await broker.restart();
    await expect
      .poll(async () => (await clientOf(node.url).call('GET', '/ready')).body.broker, {
        timeout: 15_000,
      })
      .toBe('connected');
    const publisher = await testClient(broker.url);
    await publisher.publish('fleet/d1/ota/status', '{"status":0}', { qos: 1 });
    // Twice, when it comes while the service reads what the broker keeps.
    await expect.poll(() => heardBy(node)).toBeGreaterThan(0);
  }, 60_000);

  it('speaks TLS with a user and a certificate, and needs to read only', async () => {
    const authority = await createCertificateAuthority(new Date());
    const tls = await authority.issue({ names: ['127.0.0.1'] });
    const own = await authority.issue({ names: ['ota-service'] });
    const broker = await mosquitto({
      tls: { ...tls, clientCa: authority.ca },
      users: { ota: 'ota-password', devices: 'devices-password' },
      acl: [...['user ota', 'topic read fleet/#'], ...['user devices', 'topic readwrite fleet/#']],
    });
    const files = { 'ca.pem': authority.ca, 'own.pem': own.cert, 'own.key': own.key };
    for (const [name, text] of Object.entries({ ...files, password: 'ota-password\n' }))
      await writeFile(join(folder, name), text);
    const node = await start(
      ...['--mqtt-broker', broker.url, '--mqtt-ca', 'ca.pem', '--mqtt-edge-topic', ''],
      ...['--mqtt-cert', 'own.pem', '--mqtt-key', 'own.key'],
      ...['--mqtt-username', 'ota', '--mqtt-password-file', 'password'],
      ...['--mqtt-status-topic', 'fleet/{device}/ota/status'],
    );
    const publisher = await testClient(broker.url, {
      tls: { ca: authority.ca, cert: own.cert, key: own.key },
      username: 'devices',
      password: 'devices-password',
    });
    await publisher.publish('fleet/d1/ota/status', '{"status":0}', { qos: 1 });
    // Twice, when it comes while the service reads what the broker keeps.
    await expect.poll(() => heardBy(node)).toBeGreaterThan(0);
  }, 60_000);
});

describe('devices at Mosquitto, with two nodes', () => {
  it('of a virtual fleet have histories that tell the truth', async () => {
    const broker = await mosquitto();
    const { client } = await aNodePair(broker.url);
    const server = await testUpdateServer('2.0.0', testImage('2.0.0'));
    const faults = ['fail_at', 'old_image', 'self_test', 'duplicate', 'disconnect'];
    const fleet = await testFleet(broker.url, 60, {
      server_url: server.url,
      // As long as real devices take at least: between two nodes, messages overtake each other.
      boot_ms: 1500,
      self_test_ms: 1000,
      faults: faults.map((fault) => ({ fault, count: 3, percent: 40 })),
    });
    const command = await testClient(broker.url);
    await commandFleet(command, { targetVersion: '2.0.0', timeoutMs: 10_000 });
    await Promise.all(fleet.devices.map((device) => device.idle()));
    const end = { confirmed: 51, failed: 3, rolled_back: 6 };
    await expect.poll(() => attempts(client), { timeout: 20_000 }).toEqual(end);
    for (const { name, runningVersion } of fleet.devices) {
      const { body } = await client.call('GET', `/api/admin/devices/${name}`);
      expect([name, body.current_firmware_version]).toEqual([name, runningVersion]);
    }
  }, 120_000);
});

describe('edge devices at Mosquitto', () => {
  it('are told of a canary, and updated as it is raised', async () => {
    const broker = await mosquitto();
    const port = String(await findFreePort());
    const node = await start(
      ...['--mqtt-broker', broker.url, '--port', port],
      ...['--public-url', `http://127.0.0.1:${port}`],
    );
    const client = clientOf(node.url);
    await client.upload('2.0.0', testImage('2.0.0'));
    await client.rollout('canary', '2.0.0', { target_type: 'canary', rollout_percentage: 25 });
    const names = Array.from({ length: 40 }, (_, index) => `edge-${index}`);
    const fleet = await Promise.all(
      names.map((id) => startEdgeDevice(broker.url, { id, model: 'esp32', version: '1.0.0' })),
    );
    for (const percentage of [25, 100]) {
      await client.call('PATCH', '/api/admin/rollout/canary', { rollout_percentage: percentage });
      await Promise.all(fleet.map((device) => device.present()));
      const expected = names.filter((name) => bucketOf(name) < percentage).length;
      await expect
        .poll(() => attempts(client), { timeout: 20_000 })
        .toEqual({ confirmed: expected });
      expect(fleet.filter((device) => device.runs() === '2.0.0')).toHaveLength(expected);
    }
    expect(fleet.every(({ commands }) => commands.length === 1)).toBe(true);
  }, 120_000);
});
