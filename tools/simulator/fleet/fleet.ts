import type { Agent } from 'undici';
import type { PublicKey } from '../../core/signing/key.ts';
import type { BrokerClient } from '../../transports/mqtt/connection/client.ts';
import { bySystem, type Sleep } from '../../transports/sleep.ts';
import { listenForAnnouncements } from './announce.ts';
import { createConnector, type DeviceBroker } from './connect.ts';
import { type DeviceOptions, startDevice, type VirtualDevice } from './device.ts';
import { deviceName, type FleetProfile } from './profile.ts';
import { createPullSource } from './pull.ts';
import { listenForPush } from './push.ts';
import { createHttpsSource, type FirmwareSource } from './source.ts';

export interface FleetOptions extends DeviceBroker {
  readonly profile: FleetProfile;
  readonly count: number;
  readonly now: () => number;
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** ECDSA or RSA keys that the devices trust (`public_keys` of the profile); see `parseDeviceKey`. */
  readonly keys?: readonly PublicKey[];
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

/** Devices that connect at the same time: brokers have short queues for that. */
const connectingAtOnce = 50;

/**
 * Starts devices; the promise is fulfilled when all are connected and have said what they run.
 *
 * @throws OtaError when the broker cannot be reached
 */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { count, ca } = options;
  const { Agent } = await import('undici');
  const agent = new Agent({ connections: 64, connect: ca === undefined ? {} : { ca } });
  const closing = new AbortController();
  const signal = AbortSignal.any([options.signal, closing.signal]);
  const devices: VirtualDevice[] = [];
  const close = async () => {
    closing.abort();
    await Promise.all(devices.map((device) => device.close()));
    await agent.destroy();
  };
  const queue = Array.from({ length: count }, (_, index) => index).values();
  const start = async () => {
    for (const index of queue) {
      devices[index] = await startDevice(planDevice(index, { ...options, signal }, agent));
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(connectingAtOnce, count) }, start));
  } catch (error) {
    await close();
    throw error;
  }
  return { devices, versions: () => countVersions(devices), close };
}

function countVersions(devices: readonly VirtualDevice[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { runningVersion } of devices) {
    counts[runningVersion] = (counts[runningVersion] ?? 0) + 1;
  }
  return counts;
}

/** What the device of that number is like, and where its firmware comes from. */
function planDevice(index: number, options: FleetOptions, agent: Agent): DeviceOptions {
  const { profile, now, sleep = bySystem, random, loss, signal, keys = [] } = options;
  const name = deviceName(profile, index);
  const fault = profile.faults[index];
  const topic = profile.topic ?? '';
  const lossy = loss === undefined ? {} : { loss };
  return {
    name,
    profile,
    ...(fault === undefined ? {} : { fault }),
    keys,
    connect: createConnector(name, options, signal),
    async listen(client, take) {
      if (profile.source === 'push') {
        const push = { device: name, base: topic, client, random, sleep, signal, ...lossy };
        await listenForPush({ ...push, onTransfer: take });
      }
      if (profile.source === 'announce') await listenForAnnouncements(client, topic, agent, take);
    },
    sourceOf: (client) => sourceFor({ profile, name, client, agent, sleep }),
    now,
    sleep,
    signal,
  };
}

interface SourceOptions {
  readonly profile: FleetProfile;
  readonly name: string;
  readonly client: () => BrokerClient;
  readonly agent: Agent;
  readonly sleep: Sleep;
}

function sourceFor({ profile, name, client, agent, sleep }: SourceOptions): FirmwareSource {
  const { chunkBytes, serverUrl } = profile;
  if (profile.source === 'pull') return createPullSource({ client, name, chunkBytes, sleep });
  if (serverUrl !== undefined) return createHttpsSource(serverUrl, agent);
  return { look: () => Promise.reject(new Error('this device has no server to ask')) };
}
