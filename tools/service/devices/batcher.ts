export interface BatchOptions<Item, Result> {
  /** Handles some items at once; results in the order of the items. */
  run(items: readonly Item[]): Promise<readonly Result[]>;
  /** Items of the same key never stand in one batch; the later one waits. */
  keyOf(item: Item): string;
  readonly maxItems: number;
  /** How many batches may run at the same time. */
  readonly parallel: number;
}

export interface Batcher<Item, Result> {
  add(item: Item): Promise<Result>;
  /** Items that wait or are being handled. */
  depth(): number;
  /** Fulfilled when nothing waits any more. */
  idle(): Promise<void>;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/**
 * Collects what arrives while earlier work is under way, and handles it together: many devices share one read or
 * one commit. Under little load an item waits for nothing but the end of the current turn of the event loop.
 */
export function createBatcher<Item, Result>(
  options: BatchOptions<Item, Result>,
): Batcher<Item, Result> {
  let waiting: Waiting<Item, Result>[] = [];
  let running = 0;
  let inFlight = 0;
  let scheduled = false;
  let idlers: (() => void)[] = [];

  function take(): Waiting<Item, Result>[] {
    const keys = new Set<string>();
    const batch: Waiting<Item, Result>[] = [];
    const rest: Waiting<Item, Result>[] = [];
    for (const entry of waiting) {
      const key = options.keyOf(entry.item);
      if (batch.length >= options.maxItems || keys.has(key)) rest.push(entry);
      else batch.push(entry);
      keys.add(key);
    }
    waiting = rest;
    return batch;
  }

  function schedule(): void {
    if (scheduled || running >= options.parallel || waiting.length === 0) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (running < options.parallel && waiting.length > 0) void handle(take());
      schedule();
    });
  }

  async function handle(batch: Waiting<Item, Result>[]): Promise<void> {
    running += 1;
    inFlight += batch.length;
    try {
      const results = await options.run(batch.map(({ item }) => item));
      batch.forEach((entry, index) => {
        entry.resolve(results[index] as Result);
      });
    } catch (error) {
      for (const entry of batch) entry.reject(error);
    }
    running -= 1;
    inFlight -= batch.length;
    schedule();
    if (running === 0 && waiting.length === 0) {
      for (const wake of idlers) wake();
      idlers = [];
    }
  }

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject });
        schedule();
      }),
    depth: () => waiting.length + inFlight,
    idle: () =>
      running === 0 && waiting.length === 0
        ? Promise.resolve()
        : new Promise((resolve) => idlers.push(resolve)),
  };
}
