import {
  createPollingDevice,
  type PollingDevice,
  type PollingFault,
  type PollOutcome,
} from './polling-device.ts';

export interface PollingFleetOptions {
  readonly url: string;
  readonly face: '003' | '004';
  readonly count: number;
  readonly model: string;
  readonly version: string;
  /** Devices are named by it and a number; face 004 uses the number alone. */
  readonly prefix: string;
  /** Shares of the fleet, in percent, by fault. */
  readonly faults: Readonly<Partial<Record<PollingFault, number>>>;
  /** Requests at the same time. */
  readonly concurrency: number;
  readonly fetch: typeof fetch;
  /** No device begins a round after it is aborted. */
  readonly signal: AbortSignal;
}

export interface PollingFleet {
  readonly devices: readonly PollingDevice[];
  /** Lets every device poll once. Devices that could not reach the server are counted as `unreachable`. */
  round(): Promise<Record<PollOutcome | 'unreachable', number>>;
}

/** Makes many virtual devices. */
export function createPollingFleet(options: PollingFleetOptions): PollingFleet {
  const devices = Array.from({ length: options.count }, (_, index) =>
    createPollingDevice({
      url: options.url,
      face: options.face,
      id: options.face === '004' ? String(index + 1) : `${options.prefix}${index + 1}`,
      model: options.model,
      version: options.version,
      fault: faultOf(options.faults, index),
      fetch: options.fetch,
    }),
  );
  return {
    devices,
    async round() {
      const counts = {
        none: 0,
        updated: 0,
        failed: 0,
        rolled_back: 0,
        vanished: 0,
        unreachable: 0,
      };
      const queue = devices.values();
      async function work(): Promise<void> {
        for (const device of queue) {
          if (options.signal.aborted) return;
          const outcome = await device.poll().catch(() => 'unreachable' as const);
          counts[outcome] += 1;
        }
      }
      await Promise.all(Array.from({ length: options.concurrency }, work));
      return counts;
    },
  };
}

/** The first share of every hundred devices has the first fault, the next share the second, and so on. */
function faultOf(faults: PollingFleetOptions['faults'], index: number): PollingFault | undefined {
  let place = index % 100;
  for (const [fault, percent] of Object.entries(faults)) {
    if (place < percent) return fault as PollingFault;
    place -= percent;
  }
  return;
}
