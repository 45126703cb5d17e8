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
  /** Takes a message into account, which may be the end of the wait; those of other devices are passed over. */
  observe(device: string, seen: SeenStatus, end?: Outcome): void;
  /** Gives up who takes too long. */
  expire(nowMs: number): void;
  readonly allEnded: boolean;
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
    observe(device, seen, end) {
      const wait = waits.get(device);
      if (wait === undefined) return;
      const observed = observeStatus(wait, seen, expectation);
      put(end === undefined ? observed : { ...observed, outcome: end });
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
    list: () => [...waits.values()],
  };
}
