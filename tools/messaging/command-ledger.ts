import type { StatusEvent } from '../core/fleet/commands/status-event.ts';
import {
  hearVoice,
  indistinct,
  namelessWarning,
  type Voices,
} from '../core/fleet/commands/voices.ts';
import type { DeviceWait, Expectation } from '../core/fleet/commands/wait.ts';
import { createWaitList, type WaitEvent, type WaitList } from '../core/fleet/commands/wait-list.ts';
import type { Sleep } from '../transports/sleep.ts';

export interface LedgerOptions {
  readonly expectation: Omit<Expectation, 'sentAtMs'>;
  /** Nobody is listed: whoever answers is taken in. */
  readonly open: boolean;
  /** Stands for those who are not known by a name. */
  readonly statusTopic: string;
  readonly now: () => number;
  readonly sleep: Sleep;
  notify(event: WaitEvent): void;
}

/** Who is waited for, and how far each is. */
export interface Ledger {
  handle(event: StatusEvent): void;
  /** Devices that have left a state at the broker. */
  heard(): string[];
  heardCount(): number;
  /** From here on, messages may answer the command. */
  start(devices: readonly string[]): void;
  /** Until all have ended, or the signal is aborted. */
  finished(signal: AbortSignal): Promise<void>;
  waits(): DeviceWait[];
  malformed(): number;
  /** What the reader of the result must know. */
  warnings(): string[];
}

type Told = StatusEvent & { readonly type: 'status' };

interface Book {
  readonly options: LedgerOptions;
  /** The newest message of each from before the command. */
  readonly early: Map<string, Told>;
  /** From the command on. */
  waits?: WaitList;
  voices: Voices;
  heard: number;
  malformed: number;
  nameless: number;
  wake(): void;
}

export function createLedger(options: LedgerOptions): Ledger {
  const book: Book = {
    options,
    early: new Map(),
    voices: { several: false },
    heard: 0,
    malformed: 0,
    nameless: 0,
    wake: () => {},
  };
  return {
    handle: (event) => take(book, event),
    heard: () =>
      [...book.early.values()]
        .filter(isNamed)
        .map(({ device }) => device)
        .sort(),
    heardCount: () => book.heard,
    start: (devices) => begin(book, devices),
    finished: (signal) => untilEnded(book, signal),
    waits: () => book.waits?.list() ?? [],
    malformed: () => book.malformed,
    warnings: () =>
      book.nameless === 0 ? [] : [namelessWarning(options.statusTopic, options.open)],
  };
}

function isNamed({ named }: Told): boolean {
  return named;
}

function take(book: Book, event: StatusEvent): void {
  book.heard += 1;
  if (event.type === 'malformed') {
    book.malformed += 1;
    return;
  }
  if (!event.named) {
    book.nameless += 1;
    book.voices = hearVoice(book.voices, event);
  }
  if (book.waits === undefined) book.early.set(event.device, event);
  else observe(book, event, book.waits);
}

function observe(book: Book, event: Told, waits: WaitList): void {
  const { open, statusTopic } = book.options;
  if (open && !waits.has(event.device)) {
    waits.leave(statusTopic);
    waits.join(event.device, book.early.get(event.device));
  }
  const mixed = !event.named && book.voices.several;
  waits.observe(event.device, event, mixed ? indistinct(statusTopic) : undefined);
  if (waits.allEnded) book.wake();
}

function begin(book: Book, devices: readonly string[]): void {
  const { expectation, open, statusTopic, now, notify } = book.options;
  book.waits = createWaitList({ ...expectation, sentAtMs: now() }, notify);
  for (const device of open ? [statusTopic] : devices) {
    book.waits.join(device, book.early.get(device));
  }
}

/** How exactly a timeout is kept. */
const tickMs = 50;

/** Where nobody is listed, one that has ended says nothing of others: they get so long to answer, too. */
const othersMs = 500;

async function untilEnded(book: Book, signal: AbortSignal): Promise<void> {
  const { waits } = book;
  if (waits === undefined) return;
  const { open, sleep } = book.options;
  let known: number;
  do {
    await untilKnownEnded(book, waits, signal);
    known = waits.size;
    if (open) await sleep(othersMs, signal).catch(() => {});
  } while (!signal.aborted && (waits.size !== known || !waits.allEnded));
}

async function untilKnownEnded(book: Book, waits: WaitList, signal: AbortSignal): Promise<void> {
  const { sleep, now } = book.options;
  const done = new Promise<void>((resolve) => {
    book.wake = resolve;
  });
  while (!waits.allEnded && !signal.aborted) {
    await Promise.race([done, sleep(tickMs, signal).catch(() => {})]);
    waits.expire(now());
  }
}
