import { laterSeen } from '../core/fleet/moment.ts';
import type { DeviceRecord } from '../core/fleet/record.ts';
import type { Sighting } from './store/fleet-store.ts';

/** When devices were last heard of, kept in memory until a round of writing. */
export interface Sightings {
  /** Notes that a stored device was heard of at that time; `checked` when it asked for an update. */
  add(record: DeviceRecord, atMs: number, checked: boolean): void;
  /** The record with what memory knows better. */
  apply(record: DeviceRecord | undefined): DeviceRecord | undefined;
  depth(): number;
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Pause between two statements: checks get their turn in between. */
const pauseMs = 100;
/** A round gathers for so many pauses, then is written in as many statements. */
const roundTurns = 30;
/** Fewer rows than this are not worth a statement. */
const leastChunkItems = 200;

/**
 * Rounds: while one is gathered, the one before is written in the order of the devices' numbers, so that many rows
 * share a page. A crash loses a few seconds of "last seen", on which nothing that was acknowledged depends.
 */
export function createSightings(
  write: (sightings: readonly Sighting[]) => Promise<void>,
): Sightings {
  let gathered = new Map<number, Sighting>();
  let writing = new Map<number, Sighting>();
  let order: readonly Sighting[] = [];
  let turns = 0;
  let lastWrite: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    turns += 1;
    void inTurn(takeTurn).catch(() => undefined);
  }, pauseMs);
  timer.unref();

  /** One write at a time. */
  function inTurn(use: () => Promise<void>): Promise<void> {
    lastWrite = lastWrite.catch(() => undefined).then(use);
    return lastWrite;
  }

  async function takeTurn(): Promise<void> {
    if (order.length === 0 && turns >= roundTurns) beginRound();
    await writeChunk(Math.max(leastChunkItems, Math.ceil(writing.size / roundTurns)));
  }

  function beginRound(): void {
    turns = 0;
    writing = gathered;
    gathered = new Map();
    order = [...writing.values()].sort((a, b) => a.number - b.number);
  }

  /** When the database is away everything is kept. */
  async function writeChunk(items: number): Promise<void> {
    if (order.length === 0) return;
    await write(order.slice(0, items));
    order = order.slice(items);
    if (order.length === 0) writing = new Map();
  }

  function flush(): Promise<void> {
    return inTurn(async () => {
      while (order.length > 0 || gathered.size > 0) {
        if (order.length === 0) beginRound();
        await writeChunk(leastChunkItems);
      }
    });
  }

  return {
    add(record, atMs, checked) {
      const { number } = record;
      if (number === undefined) return; // its first words are stored with the device
      const checkedAtMs = checked
        ? Math.max(atMs, record.checkedAtMs)
        : (gathered.get(number)?.checkedAtMs ?? 0);
      gathered.set(number, { number, lastSeenAtMs: atMs, checkedAtMs });
    },
    apply(record) {
      if (record?.number === undefined) return record;
      const known = [writing.get(record.number), gathered.get(record.number)];
      return known.reduce<DeviceRecord>(laterOf, record);
    },
    depth: () => gathered.size + order.length,
    flush,
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
}

function laterOf(record: DeviceRecord, sighting: Sighting | undefined): DeviceRecord {
  if (sighting === undefined) return record;
  return {
    ...record,
    lastSeenAtMs: laterSeen(record.lastSeenAtMs, sighting.lastSeenAtMs),
    checkedAtMs: Math.max(record.checkedAtMs, sighting.checkedAtMs),
  };
}
