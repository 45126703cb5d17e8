/** Keeps the order of acknowledgements while messages are handled side by side. */
export interface Acknowledger {
  /** Notes a message; one without number is only counted. When the work is rejected it is never acknowledged. */
  add(messageId: number | undefined, work: Promise<void>): void;
  /** Messages that are not acknowledged yet. */
  inFlight(): number;
  /** Messages so far. */
  count(): number;
  /** Resolves when nothing is in flight. */
  idle(): Promise<void>;
  /** Resolves when all work has ended, well or not. */
  settled(): Promise<void>;
  /** Sends what can be acknowledged. */
  flush(): void;
  /** The connection is gone, and with it all that could be acknowledged. */
  forget(): void;
}

export interface AcknowledgerOptions {
  acknowledge(messageIds: readonly number[]): void;
  /** Called when more messages wait than the window has room for, and when there is room again. */
  full(isFull: boolean): void;
  readonly window: number;
}

interface Entry {
  readonly messageId: number | undefined;
  done: boolean;
}

/** MQTT 5 §4.6: PUBACK packets are sent in the order in which the PUBLISH packets came. */
export function createAcknowledger(options: AcknowledgerOptions): Acknowledger {
  let queue: Entry[] = [];
  const running = new Set<Promise<void>>();
  let idlers: (() => void)[] = [];
  let count = 0;
  let isFull = false;
  let scheduled = false;
  let forgotten = false;

  /** What is ready in the same turn is acknowledged together. */
  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      flush();
    });
  }

  function flush(): void {
    if (forgotten) return;
    const open = queue.findIndex(({ done }) => !done);
    const ready = queue.splice(0, open < 0 ? queue.length : open);
    const ids = ready.flatMap(({ messageId }) => (messageId === undefined ? [] : [messageId]));
    if (ids.length > 0) options.acknowledge(ids);
    if (isFull && queue.length < options.window) {
      isFull = false;
      options.full(false);
    }
    if (queue.length === 0) wake();
  }

  function wake(): void {
    for (const resolve of idlers) resolve();
    idlers = [];
  }

  return {
    add(messageId, work) {
      const entry: Entry = { messageId, done: false };
      queue.push(entry);
      count += 1;
      const watched = work.then(
        () => {
          entry.done = true;
          schedule();
        },
        () => undefined,
      );
      running.add(watched);
      void watched.then(() => running.delete(watched));
      if (isFull || queue.length < options.window) return;
      isFull = true;
      options.full(true);
    },
    inFlight: () => queue.length,
    count: () => count,
    idle: () =>
      queue.length === 0 || forgotten
        ? Promise.resolve()
        : new Promise((resolve) => idlers.push(resolve)),
    async settled() {
      await Promise.all(running);
    },
    flush,
    forget() {
      forgotten = true;
      queue = [];
      wake();
    },
  };
}
