/** Bytes that have arrived and wait to be read, whatever pieces they came in. */
export interface Inbox {
  readonly size: number;
  push(bytes: Uint8Array): void;
  /** The next `count` bytes, once they are all there. */
  take(count: number): Uint8Array | undefined;
  /** Everything that waits, without taking it. */
  peek(): Uint8Array;
}

export function createInbox(): Inbox {
  let waiting: Uint8Array = new Uint8Array();
  return {
    get size() {
      return waiting.length;
    },
    push(bytes) {
      waiting = waiting.length === 0 ? bytes : Buffer.concat([waiting, bytes]);
    },
    take(count) {
      if (waiting.length < count) return;
      const taken = waiting.subarray(0, count);
      waiting = waiting.subarray(count);
      return taken;
    },
    peek: () => waiting,
  };
}
