import type { PushRequest } from './push-messages.ts';

/** How far one device is, as it says. */
export interface PushDevice {
  readonly device: string;
  readonly state: 'silent' | 'missing' | 'complete' | 'failed';
  readonly missingChunks: number;
  readonly error?: string;
}

/** The expected devices, and every other one that has answered. */
export interface PushDevices {
  /** Notes an answer; false when there are too many devices to note another one. */
  take(request: PushRequest): boolean;
  list(): PushDevice[];
  /** Whether every expected device has ended; never, when nobody in particular is expected. */
  readonly isSettled: boolean;
}

/** Names come from outside: there is an end to them. */
const mostDevices = 100_000;

export function createPushDevices(chunkCount: number, expected: readonly string[]): PushDevices {
  const devices = new Map<string, PushDevice>();
  for (const device of expected) {
    devices.set(device, { device, state: 'silent', missingChunks: chunkCount });
  }
  const hasEnded = (device: string): boolean => {
    const state = devices.get(device)?.state;
    return state === 'complete' || state === 'failed';
  };
  return {
    take({ device_id: device, state, missing = [], error }) {
      if (!devices.has(device) && devices.size >= mostDevices) return false;
      const runs = state === 'missing' ? missing : [];
      const missingChunks = runs.reduce((sum, [first, last]) => sum + last - first + 1, 0);
      const said = error === undefined ? {} : { error };
      devices.set(device, { device, state, missingChunks, ...said });
      return true;
    },
    list: () => [...devices.values()],
    get isSettled() {
      return expected.length > 0 && expected.every(hasEnded);
    },
  };
}
