import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { parseTopicTemplate } from '../../tools/core/fleet/commands/topic-template.ts';
import type { Expectation } from '../../tools/core/fleet/commands/wait.ts';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { buildVersionFile } from '../../tools/core/publishing/version-file.ts';
import { type CommandRunOptions, runCommand } from '../../tools/messaging/command-run.ts';
import { type BrokerOptions, createBroker } from '../../tools/simulator/broker.ts';
import { type Fleet, type FleetOptions, startFleet } from '../../tools/simulator/fleet/fleet.ts';
import { parseFleetProfile } from '../../tools/simulator/fleet/profile.ts';
import { parseBroker } from '../../tools/transports/mqtt/connection/broker-url.ts';
import {
  type BrokerClient,
  type ClientSettings,
  openClient,
} from '../../tools/transports/mqtt/connection/client.ts';
import { createTestClock } from './test-clock.ts';

export const never = new AbortController().signal;

export async function testBroker(options: BrokerOptions = {}) {
  const broker = await createBroker(options);
  onTestFinished(() => broker.close());
  return broker;
}

let clients = 0;

export async function testClient(
  url: string,
  changes: Partial<ClientSettings> = {},
): Promise<BrokerClient> {
  clients += 1;
  const settings = {
    broker: parseBroker(url),
    tls: {},
    insecure: false,
    clientId: `test-${clients}-${Math.floor(Math.random() * 1e9)}`,
    keepaliveSeconds: 60,
    sessionSeconds: 0,
    timeoutMs: 10_000,
    reconnectMs: 20,
    ...changes,
  };
  const client = await openClient(settings, { signal: never });
  onTestFinished(() => client.close());
  return client;
}

export function testImage(version: string, sizeBytes = 40_000): Uint8Array {
  return buildImage({ chip: 'esp32', project: 'fleet', version, sizeBytes });
}

/** An update server in this process: files by name, version.json among them. */
export async function testUpdateServer(
  version: string,
  image = testImage(version),
  signature?: string,
) {
  const sha256 = createHash('sha256').update(image).digest('hex');
  const file = buildVersionFile({
    version,
    builtAt: new Date('2026-01-01T00:00:00Z'),
    forceUpdate: false,
    sizeBytes: image.length,
    sha256,
    ...(signature === undefined ? {} : { signature }),
  });
  const files = new Map<string, Uint8Array>([
    ['/version.json', Buffer.from(JSON.stringify(file))],
    [`/${file.file}`, image],
    ['/firmware.bin', image],
  ]);
  const users: string[] = [];
  const server = createServer((request, response) => {
    const [, basic] = request.headers.authorization?.split(' ') ?? [];
    if (basic !== undefined) users.push(Buffer.from(basic, 'base64').toString());
    const content = files.get(request.url ?? '');
    if (content === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'Content-Length': content.length }).end(content);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, files, file, image, users };
}

export async function testFleet(
  brokerUrl: string,
  count: number,
  profile: Record<string, unknown>,
  changes: Partial<FleetOptions> = {},
): Promise<Fleet> {
  const fleet = await startFleet({
    profile: parseFleetProfile({ boot_ms: 5, self_test_ms: 5, ...profile }, 'profile'),
    count,
    brokerUrl,
    now: Date.now,
    random: Math.random,
    signal: never,
    reconnectMs: 20,
    ...changes,
  });
  onTestFinished(() => fleet.close());
  return fleet;
}

/** A device of the seed's kind: it says how it is, and never who. */
export async function namelessDevice(
  url: string,
  uptimeS: number,
  commandTopic = 'bms/ota/command',
): Promise<void> {
  const client = await testClient(url);
  const bootedAtMs = Date.now() - uptimeS * 1000;
  const say = (status: number, version: string, sinceMs = bootedAtMs) =>
    client.publish(
      'bms/ota/status',
      JSON.stringify({
        status,
        current_version: version,
        uptime_sec: Math.floor((Date.now() - sinceMs) / 1000),
      }),
      { qos: 1, retain: true },
    );
  const update = async () => {
    await say(2, '1.0.0');
    await say(3, '1.0.0');
    await say(0, '1.1.0', Date.now());
  };
  // The test may be over before the last word.
  await client.subscribe(commandTopic, 1, () => void update().catch(() => {}));
  await say(0, '1.0.0');
}

/** Longer than any device takes on a busy machine. */
const timeoutMs = 60_000;

/** Commands all devices of a test fleet and waits for them. */
export async function commandFleet(
  client: BrokerClient,
  expectation: Partial<Expectation>,
  changes: Partial<CommandRunOptions> = {},
) {
  return await runCommand({
    client,
    commandTopic: parseTopicTemplate('fleet/{device}/ota/command', ['device']),
    statusTopic: parseTopicTemplate('fleet/{device}/ota/status', ['device']),
    qos: 1,
    audience: { devices: [], groups: [], all: true },
    known: { devices: [], groups: {} },
    expectation: {
      action: 'update',
      commandId: 'cmd-1',
      targetVersion: '1.1.0',
      force: false,
      acceptReported: false,
      timeoutMs,
      ...expectation,
    },
    wait: true,
    discoverMs: 250, // a busy machine takes its time
    now: Date.now,
    signal: never,
    notify: () => {},
    ...changes,
  });
}

/**
 * The same for a fleet in which somebody keeps silent: when so many others have ended, the clock is put forward by the
 * timeout.
 */
export function commandTalkers(client: BrokerClient, talkers: number, clock = createTestClock()) {
  let ended = 0;
  return commandFleet(
    client,
    {},
    {
      ...clock,
      notify({ type }) {
        if (type === 'ended') ended += 1;
        if (ended === talkers) clock.skip(timeoutMs);
      },
    },
  );
}

/** `dev-0000 updated`, one line a device. */
export function outcomesOf({ waits }: Awaited<ReturnType<typeof runCommand>>): string[] {
  return waits.map(({ device, outcome }) => `${device} ${outcome?.kind}`).sort();
}

/** What the examples of the fleet's commands need: broker, update server, two devices, a configuration. */
export async function exampleFleet(image: Uint8Array, version: string) {
  const broker = await testBroker();
  const server = await testUpdateServer(version, image);
  const profile = { server_url: server.url, version, device_prefix: 'x-' };
  await testFleet(broker.url, 2, { ...profile, device_prefix: 'dev-' });
  const config = {
    server: { upload: 'www', base_url: server.url },
    mqtt: {
      broker: '127.0.0.1',
      port: broker.port,
      command_topic: 'fleet/{device}/ota/command',
      status_topic: 'fleet/{device}/ota/status',
    },
    build: { firmware_path: 'build/gateway.bin' },
  };
  return { config, profile };
}
