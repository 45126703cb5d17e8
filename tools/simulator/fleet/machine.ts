import type { BrokerClient } from '../../transports/mqtt/connection/client.ts';
import type { Sleep } from '../../transports/sleep.ts';
import type { FleetProfile } from './profile.ts';
import { type BootImage, createSlots, type Slots } from './slots.ts';

export interface MachineOptions {
  readonly profile: FleetProfile;
  /** Connects; called again after every boot. */
  connect(): Promise<BrokerClient>;
  readonly now: () => number;
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
}

/** A device that boots: its slots, its uptime, and the connection that every boot makes anew. */
export interface Machine {
  readonly slots: Pick<Slots, 'running' | 'onTrial' | 'secureVersion' | 'eraseOther' | 'confirm'>;
  readonly client: BrokerClient;
  uptimeMs(): number;
  /** The first connection. */
  powerOn(): Promise<void>;
  /** Boots what runs already, as after a power cut. */
  restart(): Promise<void>;
  /** Boots an image that was written, on trial. */
  bootNew(image: BootImage): Promise<void>;
  /** The image to go back to. Throws DeviceError when there is none that may boot. */
  rollbackTarget(): BootImage;
  /** Boots it. */
  rollBack(): Promise<void>;
  /** Closes the connection, if there is one. */
  close(): Promise<void>;
}

/** An hour of uptime before the test begins, so that a boot is seen. */
const firstUptimeS = 3600;

/** @param listen subscribes to what the device listens to; called after every connection */
export function createMachine(
  options: MachineOptions,
  listen: (client: BrokerClient) => Promise<void>,
): Machine {
  const { profile, now, sleep, signal } = options;
  const { version, secureVersion } = profile;
  const slots = createSlots({ version, secureVersion });
  let bootedAtMs = now() - firstUptimeS * 1000;
  let client: BrokerClient | undefined;

  const connect = async (): Promise<void> => {
    client = await options.connect();
    await listen(client);
  };
  const boot = async (choose: () => void): Promise<void> => {
    await client?.close();
    await sleep(profile.bootMs, signal);
    choose();
    bootedAtMs = now();
    await connect();
  };
  return {
    slots,
    get client() {
      if (client === undefined) throw new Error('the device is not switched on');
      return client;
    },
    uptimeMs: () => now() - bootedAtMs,
    powerOn: connect,
    restart: () => boot(() => {}),
    bootNew: (image) => boot(() => slots.runNew(image)),
    rollbackTarget: slots.rollbackTarget,
    rollBack: () => boot(slots.rollBack),
    close: async () => client?.close(),
  };
}
