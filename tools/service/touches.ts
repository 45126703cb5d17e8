import type { DeviceRecord } from '../core/fleet/record.ts';
import type { Touch } from './store/fleet-store.ts';

/** When devices were last heard of, kept in memory until a round of writing. */
export interface Touches {
  add(deviceId: string, atMs: number): void;
  /** The record with what memory knows better. */
  apply(record: DeviceRecord | undefined): DeviceRecord | undefined;
  depth(): number;
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Pause between two statements, and rows in one: a steady trickle, so that checks get their turn in between. */
const pauseMs = 100;
const chunkItems = 200;
/** Above this many waiting, rows are written faster: memory has a bound. */
const backlogItems = 100_000;

/** Loses at most a few seconds of "last seen" in a crash: nothing that was acknowledged depends on it. */
export function createTouches(write: (touches: readonly Touch[]) => Promise<void>): Touches {
  const pending = new Map<string, number>();
  let writing: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    if (pending.size > 0) void inTurn(writeChunk).catch(() => undefined);
  }, pauseMs);
  timer.unref();

  /** One write at a time. */
  function inTurn(use: () => Promise<void>): Promise<void> {
    writing = writing.catch(() => undefined).then(use);
    return writing;
  }

  async function writeChunk(): Promise<void> {
    const items = pending.size > backlogItems ? 10 * chunkItems : chunkItems;
    const chunk: Touch[] = [];
    for (const [deviceId, atMs] of pending) {
      chunk.push({ deviceId, atMs });
      if (chunk.length >= items) break;
    }
    await write(chunk);
    // When the database is away everything is kept; so is what came for a device meanwhile.
    for (const { deviceId, atMs } of chunk)
      if (pending.get(deviceId) === atMs) pending.delete(deviceId);
  }

  function flush(): Promise<void> {
    return inTurn(async () => {
      while (pending.size > 0) await writeChunk();
    });
  }

  return {
    add: (deviceId, atMs) => void pending.set(deviceId, atMs),
    apply(record) {
      const atMs = record === undefined ? undefined : pending.get(record.device.id);
      if (record === undefined || atMs === undefined || atMs <= record.checkedAtMs) return record;
      return { ...record, checkedAtMs: atMs, lastSeenAtMs: Math.max(record.lastSeenAtMs, atMs) };
    },
    depth: () => pending.size,
    flush,
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
}
