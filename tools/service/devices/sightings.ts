import { laterSeen } from '../../core/fleet/attempts/moment.ts';
import type { DeviceRecord } from '../../core/fleet/attempts/record.ts';
import type { Sighting } from '../store/sighting-write.ts';

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
const roundTurns = 100;
/** Fewer rows than this are not worth a statement. */
const leastChunkItems = 200;

/**
 * Rounds: while one is gathered, the one before is written in the order of the devices' numbers, so that many rows
 * share a page: the longer a round, the more. A crash loses some seconds of "last seen", on which nothing that was
 * acknowledged depends.
 */
export function createSightings(
  write: (sightings: readonly Sighting[]) => Promise<void>,
): Sightings {
  let gathered = new Map<number, Sighting>();
  let writing = new Map<number, Sighting>();
  /** Numbers of the round that is being written, in their order, and how many of them are. */
  let order = new Float64Array();
  let written = 0;
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
    if (isWritten() && turns >= roundTurns) beginRound();
    await writeChunk(Math.max(leastChunkItems, Math.ceil(writing.size / roundTurns)));
  }

  const isWritten = (): boolean => written === order.length;

  function beginRound(): void {
    turns = 0;
    writing = gathered;
    gathered = new Map();
    order = Float64Array.from(writing.keys()).sort();
    written = 0;
  }

  /** When the database is away everything is kept. */
  async function writeChunk(items: number): Promise<void> {
    if (isWritten()) return;
    const chunk = order.subarray(written, written + items);
    await write(Array.from(chunk, (number) => writing.get(number) as Sighting));
    written += chunk.length;
    if (isWritten()) writing = new Map();
  }

  function flush(): Promise<void> {
    return inTurn(async () => {
      while (!isWritten() || gathered.size > 0) {
        if (isWritten()) beginRound();
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
    depth: () => gathered.size + order.length - written,
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
