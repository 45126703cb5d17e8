import {
  type DeviceWait,
  type Expectation,
  expireWait,
  type Outcome,
  observeStatus,
  type SeenStatus,
  startDeviceWait,
} from './wait.ts';

/** What became of a device that is waited for. */
export type WaitEvent =
  | { readonly type: 'moved'; readonly wait: DeviceWait }
  | { readonly type: 'ended'; readonly wait: DeviceWait };

/** Who is waited for, and how far each is. No clock, no network. */
export interface WaitList {
  has(device: string): boolean;
  /** Begins to wait. What is known of the device is old news, also when it was not kept by the broker. */
  join(device: string, known?: SeenStatus): void;
  leave(device: string): void;
  /**
   * Takes a message into account; those of other devices are passed over.
   *
   * @param outcome how it ends for the device, whatever the message says
   */
  observe(device: string, seen: SeenStatus, outcome?: Outcome): void;
  /** Gives up who takes too long. */
  expire(nowMs: number): void;
  readonly allEnded: boolean;
  readonly size: number;
  list(): DeviceWait[];
}

/** @param notify called when a device gets further, and when it ends */
export function createWaitList(
  expectation: Expectation,
  notify: (event: WaitEvent) => void,
): WaitList {
  const waits = new Map<string, DeviceWait>();
  const put = (wait: DeviceWait): void => {
    const before = waits.get(wait.device);
    waits.set(wait.device, wait);
    if (wait.outcome !== undefined && before?.outcome === undefined) {
      notify({ type: 'ended', wait });
    } else if (wait.mark !== before?.mark) notify({ type: 'moved', wait });
  };
  return {
    has: (device) => waits.has(device),
    join(device, known) {
      const wait = startDeviceWait(device, expectation);
      const kept = known === undefined ? undefined : { ...known, retained: true };
      waits.set(device, kept === undefined ? wait : observeStatus(wait, kept, expectation));
    },
    leave: (device) => void waits.delete(device),
    observe(device, seen, outcome) {
      const wait = waits.get(device);
      if (wait === undefined) return;
      const observed = observeStatus(wait, seen, expectation);
      put(outcome === undefined ? observed : { ...observed, outcome });
    },
    expire(nowMs) {
      for (const wait of waits.values()) {
        const expired = expireWait(wait, nowMs, expectation);
        if (expired !== wait) put(expired);
      }
    },
    get allEnded() {
      return [...waits.values()].every(({ outcome }) => outcome !== undefined);
    },
    get size() {
      return waits.size;
    },
    list: () => [...waits.values()],
  };
}
