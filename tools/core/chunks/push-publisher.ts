import { createChunkSet } from './chunk-set.ts';
import type { PushManifest, PushRequest } from './push-messages.ts';

/** How far one device is, as it says. */
export interface PushDevice {
  readonly device: string;
  readonly state: 'silent' | 'missing' | 'complete' | 'failed';
  readonly missingChunks: number;
  readonly error?: string;
}

/** The publisher's side of a transfer: what to send next, who has everything. No clock, no network. */
export interface PushPublisher {
  /** From the beginning all chunks wait; takes them back until somebody asks. */
  clear(): void;
  /** Lets all chunks wait. */
  fill(): void;
  /** The next chunk of this round, or `undefined` when the round is over. */
  nextChunk(): number | undefined;
  /** Takes a device's answer; false when it is about another transfer. */
  receive(request: PushRequest): boolean;
  /** Whether chunks wait to be sent. */
  readonly hasWork: boolean;
  readonly sentChunks: number;
  /** The expected devices, and every other one that has answered. */
  devices(): PushDevice[];
  /** Whether every expected device has ended; never, when nobody in particular is expected. */
  readonly isSettled: boolean;
}

/** @param expected the devices that must have everything in the end; may be empty */
export function createPushPublisher(
  manifest: PushManifest,
  expected: readonly string[],
): PushPublisher {
  let queue = createChunkSet(manifest.chunk_count);
  const devices = new Map<string, PushDevice>();
  for (const device of expected) {
    devices.set(device, { device, state: 'silent', missingChunks: manifest.chunk_count });
  }
  let cursor = 0;
  let sentChunks = 0;
  const hasEnded = (device: string) => {
    const state = devices.get(device)?.state;
    return state === 'complete' || state === 'failed';
  };
  const fill = () => {
    for (let index = 0; index < manifest.chunk_count; index += 1) queue.add(index);
  };
  fill();
  return {
    fill,
    clear() {
      queue = createChunkSet(manifest.chunk_count);
    },
    nextChunk() {
      const index = queue.next(cursor) ?? queue.next(0);
      if (index === undefined) return;
      queue.remove(index);
      cursor = index + 1;
      sentChunks += 1;
      return index;
    },
    receive(request) {
      if (request.transfer_id !== manifest.transfer_id) return false;
      if (!devices.has(request.device_id) && devices.size >= mostDevices) return false;
      let missingChunks = 0;
      for (const [first, last] of request.state === 'missing' ? (request.missing ?? []) : []) {
        missingChunks += last - first + 1;
        for (let index = first; index <= last; index += 1) queue.add(index);
      }
      const { device_id: device, state, error } = request;
      devices.set(device, {
        device,
        state,
        missingChunks,
        ...(error === undefined ? {} : { error }),
      });
      return true;
    },
    get hasWork() {
      return queue.size > 0;
    },
    get sentChunks() {
      return sentChunks;
    },
    devices: () => [...devices.values()],
    get isSettled() {
      return expected.length > 0 && expected.every(hasEnded);
    },
  };
}

/** Names come from outside: there is an end to them. */
const mostDevices = 100_000;
