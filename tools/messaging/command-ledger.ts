import { hearVoice, indistinct, namelessWarning, type Voices } from '../core/fleet/voices.ts';
import {
  type DeviceWait,
  type Expectation,
  expireWait,
  observeStatus,
  startDeviceWait,
} from '../core/fleet/wait.ts';
import type { StatusEvent } from './status-feed.ts';

/** Rejects when the signal is aborted. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

export type LedgerEvent =
  | { readonly type: 'moved'; readonly wait: DeviceWait }
  | { readonly type: 'ended'; readonly wait: DeviceWait };

export interface LedgerOptions {
  readonly expectation: Omit<Expectation, 'sentAtMs'>;
  /** Nobody is listed: whoever answers is taken in. */
  readonly open: boolean;
  /** Stands for those who are not known by a name. */
  readonly statusTopic: string;
  readonly now: () => number;
  readonly sleep: Sleep;
  notify(event: LedgerEvent): void;
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
  readonly waits: Map<string, DeviceWait>;
  expectation?: Expectation;
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
    waits: new Map(),
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
    waits: () => [...book.waits.values()],
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
  if (book.expectation === undefined) book.early.set(event.device, event);
  else observe(book, event, book.expectation);
}

function observe(book: Book, event: Told, expectation: Expectation): void {
  const { open, statusTopic } = book.options;
  if (!book.waits.has(event.device)) {
    if (!open) return;
    book.waits.delete(statusTopic);
    join(book, event.device, expectation);
  }
  const wait = book.waits.get(event.device);
  if (wait === undefined) return;
  const seen = observeStatus(wait, event, expectation);
  const mixed = !event.named && book.voices.several;
  put(book, mixed ? { ...seen, outcome: indistinct(statusTopic) } : seen);
  if (allEnded(book)) book.wake();
}

/** Begins to wait; what was heard before is old news, also when it was not kept by the broker. */
function join(book: Book, device: string, expectation: Expectation): void {
  const event = book.early.get(device);
  const wait = startDeviceWait(device, expectation);
  const known =
    event === undefined ? wait : observeStatus(wait, { ...event, retained: true }, expectation);
  book.waits.set(device, known);
}

function begin(book: Book, devices: readonly string[]): void {
  const { expectation, open, statusTopic, now } = book.options;
  book.expectation = { ...expectation, sentAtMs: now() };
  for (const device of open ? [statusTopic] : devices) join(book, device, book.expectation);
}

/** Notes where a device is, and tells what is new. */
function put(book: Book, wait: DeviceWait): void {
  const before = book.waits.get(wait.device);
  book.waits.set(wait.device, wait);
  if (wait.outcome !== undefined && before?.outcome === undefined) {
    book.options.notify({ type: 'ended', wait });
  } else if (wait.mark !== before?.mark) book.options.notify({ type: 'moved', wait });
}

function allEnded({ waits }: Book): boolean {
  return [...waits.values()].every(({ outcome }) => outcome !== undefined);
}

/** How exactly a timeout is kept. */
const tickMs = 50;

/** Where nobody is listed, one that has ended says nothing of others: they get so long to answer, too. */
const othersMs = 500;

async function untilEnded(book: Book, signal: AbortSignal): Promise<void> {
  const { open, sleep } = book.options;
  let known: number;
  do {
    await untilKnownEnded(book, signal);
    known = book.waits.size;
    if (open) await sleep(othersMs, signal).catch(() => {});
  } while (!signal.aborted && (book.waits.size !== known || !allEnded(book)));
}

async function untilKnownEnded(book: Book, signal: AbortSignal): Promise<void> {
  const done = new Promise<void>((resolve) => {
    book.wake = resolve;
  });
  while (!allEnded(book) && !signal.aborted) {
    await Promise.race([done, book.options.sleep(tickMs, signal).catch(() => {})]);
    expire(book);
  }
}

function expire(book: Book): void {
  const { expectation, options } = book;
  if (expectation === undefined) return;
  for (const wait of book.waits.values()) {
    const expired = expireWait(wait, options.now(), expectation);
    if (expired !== wait) put(book, expired);
  }
}
