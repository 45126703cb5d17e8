import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerClient } from '../../transports/mqtt/client.ts';
import type { FleetProfile } from './profile.ts';

export interface MachineOptions {
  readonly profile: FleetProfile;
  /** Connects; called again after every boot. */
  connect(): Promise<BrokerClient>;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** The two slots of a device, which of them runs since when, and the connection that every boot makes anew. */
export interface Machine {
  readonly version: string;
  /** What stands in the other slot, if anything does. */
  readonly otherVersion: string | undefined;
  readonly onTrial: boolean;
  readonly client: BrokerClient;
  uptimeMs(): number;
  /** The first connection. */
  powerOn(): Promise<void>;
  /** Boots what runs already, as after a power cut. */
  restart(): Promise<void>;
  /** Boots an image that was written, on trial. */
  bootNew(version: string): Promise<void>;
  /** The trial ends well. */
  confirm(): void;
  /** Boots what stands in the other slot, for good; what ran stands there afterwards. */
  goBack(version: string): Promise<void>;
  /** The trial ends badly: what ran before runs again. */
  fallBack(): Promise<void>;
}

/** An hour of uptime before the test begins, so that a boot is seen. */
const firstUptimeS = 3600;

/** @param listen subscribes to what the device listens to; called after every connection */
export function createMachine(
  options: MachineOptions,
  listen: (client: BrokerClient) => Promise<void>,
): Machine {
  const { profile, now, signal } = options;
  let version = profile.version;
  let otherVersion: string | undefined;
  let onTrial = false;
  let bootedAtMs = now() - firstUptimeS * 1000;
  let client: BrokerClient | undefined;

  const boot = async (next: string, trial: boolean): Promise<void> => {
    await client?.close();
    await sleep(profile.bootMs, undefined, { signal });
    version = next;
    onTrial = trial;
    bootedAtMs = now();
    await connect();
  };
  const connect = async (): Promise<void> => {
    client = await options.connect();
    await listen(client);
  };
  return {
    get version() {
      return version;
    },
    get otherVersion() {
      return otherVersion;
    },
    get onTrial() {
      return onTrial;
    },
    get client() {
      if (client === undefined) throw new Error('the device is not switched on');
      return client;
    },
    uptimeMs: () => now() - bootedAtMs,
    powerOn: connect,
    restart: () => boot(version, false),
    bootNew(next) {
      otherVersion = version;
      return boot(next, true);
    },
    confirm() {
      onTrial = false;
    },
    goBack(to) {
      otherVersion = version;
      return boot(to, false);
    },
    fallBack: () => boot(otherVersion ?? version, false),
  };
}
