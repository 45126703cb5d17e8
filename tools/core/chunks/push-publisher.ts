import { createPushDevices, type PushDevice } from './push-devices.ts';
import type { PushManifest, PushRequest } from './push-messages.ts';
import { createSendQueue } from './send-queue.ts';

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
  { transfer_id, chunk_count }: PushManifest,
  expected: readonly string[],
): PushPublisher {
  const queue = createSendQueue(chunk_count);
  const devices = createPushDevices(chunk_count, expected);
  return {
    fill: queue.fill,
    clear: queue.clear,
    nextChunk: queue.next,
    receive(request) {
      if (request.transfer_id !== transfer_id || !devices.take(request)) return false;
      if (request.state === 'missing') request.missing?.forEach(queue.add);
      return true;
    },
    get hasWork() {
      return !queue.isEmpty;
    },
    get sentChunks() {
      return queue.sentChunks;
    },
    devices: devices.list,
    get isSettled() {
      return devices.isSettled;
    },
  };
}
