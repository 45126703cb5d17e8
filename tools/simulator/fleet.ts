import { setTimeout as realSleep } from 'node:timers/promises';
import { parseBroker } from '../transports/mqtt/broker-url.ts';
import { type BrokerClient, openClient } from '../transports/mqtt/client.ts';
import { startDevice, type VirtualDevice } from './fleet-device.ts';
import {
  createHttpsSource,
  createPullSource,
  type FirmwareSource,
  type Offer,
  offerOf,
} from './fleet-download.ts';
import { deviceName, type FleetProfile } from './fleet-profile.ts';
import { listenForPush } from './fleet-push.ts';

export interface FleetOptions {
  readonly profile: FleetProfile;
  readonly count: number;
  readonly brokerUrl: string;
  /** PEM text of the authority of broker and server. */
  readonly ca?: string;
  readonly username?: string;
  readonly password?: string;
  readonly now: () => number;
  /** Sleeps by the clock of `now`; rejects when the signal is aborted. Default: the real one. */
  readonly sleep?: Sleep;
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** A device whose connection breaks is back after so long; default 1 s. */
  readonly reconnectMs?: number;
  /** Chunks that get lost on the way to a device, 0 to 1; only for push. */
  readonly loss?: number;
}

/** Virtual devices in this process. */
export interface Fleet {
  readonly devices: readonly VirtualDevice[];
  /** Devices by the version that they run. */
  versions(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

/** Rejects when the signal is aborted. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

const bySystem: Sleep = (ms, signal) => realSleep(ms, undefined, { signal });

/** Devices that connect at the same time: brokers have short queues for that. */
const connectingAtOnce = 50;

/**
 * Starts devices; the promise is fulfilled when all are connected and have said what they run.
 *
 * @throws OtaError when the broker cannot be reached
 */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { profile, count } = options;
  const { Agent } = await import('undici');
  const dispatcher = new Agent({
    connections: 64,
    connect: options.ca === undefined ? {} : { ca: options.ca },
  });
  const closing = new AbortController();
  const signal = AbortSignal.any([options.signal, closing.signal]);
  const devices: VirtualDevice[] = [];
  const close = async () => {
    closing.abort();
    await Promise.all(devices.map((device) => device.close()));
    await dispatcher.destroy();
  };
  const queue = Array.from({ length: count }, (_, index) => index).values();
  const start = async () => {
    for (const index of queue) devices[index] = await startOne(index, options, dispatcher, signal);
  };
  try {
    await Promise.all(Array.from({ length: Math.min(connectingAtOnce, count) }, start));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    devices,
    versions() {
      const counts: Record<string, number> = {};
      for (const { runningVersion } of devices) {
        counts[runningVersion] = (counts[runningVersion] ?? 0) + 1;
      }
      return counts;
    },
    close,
  };

  async function startOne(
    index: number,
    { now, sleep = bySystem, random, loss }: FleetOptions,
    agent: InstanceType<typeof Agent>,
    deviceSignal: AbortSignal,
  ): Promise<VirtualDevice> {
    const name = deviceName(profile, index);
    const fault = profile.faults[index];
    const current: { device?: VirtualDevice; early?: Offer } = {};
    // What the broker has kept comes while the device still boots.
    const offer = (found: Offer) => {
      if (current.device === undefined) current.early = found;
      else current.device.offer(found);
    };
    const connect = async () => {
      const client = await connectDevice(
        name,
        options,
        deviceSignal,
        current.device === undefined ? 1 : mostConnections,
      );
      const topic = profile.topic ?? '';
      if (profile.source === 'push') {
        await listenForPush({
          device: name,
          base: topic,
          client,
          random,
          sleep,
          signal: deviceSignal,
          ...(loss === undefined ? {} : { loss }),
          onTransfer: (found) => queueMicrotask(() => offer(found)),
        });
      }
      if (profile.source === 'announce') {
        await client.subscribe(topic, 1, ({ payload }) => {
          const found = readAnnouncement(payload, agent);
          if (found !== undefined) offer(found);
        });
      }
      return client;
    };
    const device = await startDevice({
      name,
      profile,
      ...(fault === undefined ? {} : { fault }),
      connect,
      sourceOf: (client) => sourceFor({ profile, name, client, agent, sleep }),
      now,
      sleep,
      signal: deviceSignal,
    });
    current.device = device;
    if (current.early !== undefined) device.offer(current.early);
    return device;
  }
}

function readAnnouncement(payload: Buffer, dispatcher: import('undici').Agent) {
  if (payload.length === 0 || payload.length > 65_536) return;
  try {
    const file = JSON.parse(payload.toString()) as Record<string, unknown>;
    const { version, url, size, sha256 } = file;
    if (typeof version !== 'string' || typeof url !== 'string') return;
    if (typeof size !== 'number' || typeof sha256 !== 'string') return;
    return offerOf({ version, size, sha256 }, url, dispatcher);
  } catch {
    return;
  }
}

interface SourceOptions {
  readonly profile: FleetProfile;
  readonly name: string;
  readonly client: () => BrokerClient;
  readonly agent: import('undici').Agent;
  readonly sleep: Sleep;
}

function sourceFor({ profile, name, client, agent, sleep }: SourceOptions): FirmwareSource {
  const { chunkBytes, serverUrl } = profile;
  if (profile.source === 'pull') return createPullSource({ client, name, chunkBytes, sleep });
  if (serverUrl !== undefined) return createHttpsSource(serverUrl, agent);
  return { look: () => Promise.reject(new Error('this device has no server to ask')) };
}

/** A device that finds no broker after a boot tries again, as firmware does. */
async function connectDevice(
  name: string,
  options: FleetOptions,
  signal: AbortSignal,
  attempts: number,
): Promise<BrokerClient> {
  const { brokerUrl, ca, username, password, reconnectMs, sleep = bySystem } = options;
  const broker = parseBroker(brokerUrl);
  const connect = () =>
    openClient(
      {
        broker,
        tls: ca === undefined || !broker.tls ? {} : { ca },
        insecure: false,
        clientId: `ota-sim-${name}`,
        keepaliveSeconds: 60,
        protocolVersion: 4,
        sessionSeconds: 3600,
        timeoutMs: 30_000,
        ...(reconnectMs === undefined ? {} : { reconnectMs }),
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
      },
      { signal },
    );
  for (let attempt = 1; attempt < attempts; attempt += 1) {
    try {
      return await connect();
    } catch {
      await sleep(1000, signal);
    }
  }
  return await connect();
}

/** Tries of a device that has connected before: a broker that restarts is back by then. */
const mostConnections = 60;
