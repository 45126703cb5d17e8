import type { NewsOutcome } from './answer-news.ts';
import type { DeviceNews } from './news.ts';

/** The door of the service for what devices say by other ways than HTTP. */
export interface StatusIntake {
  /**
   * Takes what a device says. When the promise is fulfilled, it is on the disk. What one device says is taken in the
   * order in which it is handed in.
   *
   * @throws OtaError `database-failed`: nothing is stored, and it must be handed in again
   */
  take(news: DeviceNews): Promise<IntakeAnswer>;
}

export interface IntakeAnswer {
  readonly outcome: NewsOutcome | 'refused';
  readonly detail?: string;
  /** What the device is to be told now. */
  readonly command?: UpdateCommand;
}

/** A release, as a device must be told of it. */
export interface UpdateCommand {
  readonly url: string;
  readonly version: string;
  /** Of the file, lowercase hex. */
  readonly sha256: string;
}

/** A number that belongs to this process, and to no other on the same database, until it is given back. */
export interface ClaimedNumber {
  readonly number: number;
  /** Aborted when another process has it, which happens only while the database is away. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/** Numbers for sessions at a broker. Whoever starts takes the lowest free one: a restart finds its session again. */
export interface SessionNumbers {
  /** @throws OtaError `database-failed` */
  claim(): Promise<ClaimedNumber>;
  /**
   * Claims a number that was in use, and whose process is gone; `undefined` when there is none.
   *
   * @param settled numbers that nothing is left of; those that are in use again are taken out
   */
  claimOrphan(settled: Set<number>): Promise<ClaimedNumber | undefined>;
}

/** What the service gives to one that brings it messages. */
export interface StatusFeedParts {
  readonly intake: StatusIntake;
  readonly sessions: SessionNumbers;
  /** The same for all processes on one database, and different for every other. */
  readonly installation: string;
}

export interface FeedLog {
  info(data: object, text: string): void;
  warn(data: object, text: string): void;
  error(data: object, text: string): void;
}

/** Brings messages to the service, on a connection that comes back by itself. */
export interface StatusFeed {
  start(log: FeedLog): void;
  state(): FeedState;
  /** Finishes what is under way, as far as that is possible, and takes leave. */
  stop(): Promise<void>;
}

export interface FeedState {
  readonly connected: boolean;
  /** Messages so far, by what became of them. */
  readonly messages: Readonly<Record<string, number>>;
  /** Messages that have come and are not acknowledged. */
  readonly inFlight: number;
  /** Commands that were sent to devices. */
  readonly commands: number;
}
