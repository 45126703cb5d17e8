import { setTimeout as sleep } from 'node:timers/promises';
import { errorToJson } from '../core/errors.ts';
import { largestMessageBytes } from '../core/fleet/commands/status.ts';
import type {
  ClaimedNumber,
  FeedLog,
  SessionNumbers,
  StatusFeed,
  StatusIntake,
} from '../core/fleet/news/status-intake.ts';
import type { Broker } from '../transports/mqtt/connection/broker-url.ts';
import {
  drainSession,
  type ReceiverEvent,
  type ReceiverSettings,
  runReceiver,
} from '../transports/mqtt/receiver/receiver.ts';
import type { ReceiverSession } from '../transports/mqtt/receiver/session.ts';
import type { TlsFiles } from '../transports/tls-files.ts';
import { createReportHandler, type ReportHandler } from './report-handler.ts';
import type { ReportTopics } from './report-topics.ts';

export interface ReportFeedOptions {
  readonly broker: Broker;
  readonly tls: TlsFiles;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Those who share the messages; it begins the client identifiers, too. */
  readonly group: string;
  readonly topics: ReportTopics;
  readonly intake: StatusIntake;
  readonly sessions: SessionNumbers;
  readonly random: () => number;
}

/** A service that is away for longer loses what came meanwhile, but for what the broker retains. */
const sessionSeconds = 24 * 60 * 60;
/** Two batches of the database: one is written while the next one comes together. */
const window = 400;
/** How often sessions of processes that are gone are looked for. */
const roundMs = 5000;
const waitForDatabaseMs = 1000;
/** Two clients with one identifier must not throw each other out all the time. */
const takenOverMs = 5000;

/** Brings the reports of devices from a broker to the service. */
export function createReportFeed(options: ReportFeedOptions): StatusFeed {
  const stopping = new AbortController();
  const { signal } = stopping;
  let handler: ReportHandler | undefined;
  let session: ReceiverSession | undefined;
  let running: Promise<unknown> = Promise.resolve();
  const keep = (opened: ReceiverSession): void => {
    session = opened;
    void opened.ended.then(() => {
      if (session === opened) session = undefined;
    });
  };
  return {
    start(log) {
      handler = createReportHandler({ ...options, log });
      const { handle } = handler;
      const parts = { ...options, log, handle, signal };
      const say = createVoice(log);
      const notify = (event: ReceiverEvent): void => {
        if (event.type === 'connected') keep(event.session);
        say(event);
      };
      running = Promise.all([keepReceiving(parts, notify), keepAdopting(parts)]);
    },
    state: () => ({
      connected: session !== undefined && !signal.aborted,
      messages: handler?.messages ?? {},
      inFlight: session?.inFlight() ?? 0,
      commands: handler?.commands() ?? 0,
    }),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

interface Parts extends ReportFeedOptions {
  readonly log: FeedLog;
  readonly handle: ReportHandler['handle'];
  readonly signal: AbortSignal;
}

/** Receives under a number of its own, and under another one when that is lost. */
async function keepReceiving(parts: Parts, notify: (event: ReceiverEvent) => void): Promise<void> {
  const { sessions, topics, group, handle, random, signal, log } = parts;
  while (!signal.aborted) {
    const claimed = await untilClaimed(sessions, signal);
    if (claimed === undefined) return;
    const ended = await runReceiver({
      settings: settingsOf(parts, claimed.number),
      filters: topics.filters,
      group,
      handle,
      notify,
      random,
      signal: AbortSignal.any([signal, claimed.lost]),
    });
    await claimed.release();
    if (ended === 'taken-over' || claimed.lost.aborted) {
      log.warn({ session: claimed.number }, 'another process uses this session at the broker');
      await sleep(takenOverMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function untilClaimed(
  sessions: SessionNumbers,
  signal: AbortSignal,
): Promise<ClaimedNumber | undefined> {
  while (!signal.aborted) {
    try {
      return await sessions.claim();
    } catch {
      await sleep(waitForDatabaseMs, undefined, { signal }).catch(() => undefined);
    }
  }
  return;
}

/**
 * Takes over from processes that are gone: brokers go on handing them their share of the messages as long as their
 * session lives. A session that was found empty is looked at again when somebody has used it since.
 */
async function keepAdopting(parts: Parts): Promise<void> {
  const { sessions, signal, log } = parts;
  const settled = new Set<number>();
  while (!signal.aborted) {
    await sleep(roundMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const orphan = await sessions.claimOrphan(settled).catch(() => undefined);
    if (orphan === undefined) continue;
    try {
      const found = await drainSession({
        ...parts,
        settings: settingsOf(parts, orphan.number),
        filters: parts.topics.filters,
        signal: AbortSignal.any([signal, orphan.lost]),
      });
      settled.add(orphan.number);
      if (found)
        log.info({ session: orphan.number }, 'ended the session of a process that is gone');
    } catch {
      // The broker is away, or the process is back: the next round looks again.
    }
    await orphan.release();
  }
}

function settingsOf(options: ReportFeedOptions, number: number): ReceiverSettings {
  const { broker, tls, username, password, group } = options;
  return {
    broker,
    tls,
    clientId: `${group}-${number}`,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    keepaliveSeconds: 60,
    sessionSeconds,
    window,
    largestMessageBytes,
    timeoutMs: 10_000,
  };
}

/** Says what is new: a broker that stays away is worth one line, not one for each attempt. */
function createVoice(log: FeedLog): (event: ReceiverEvent) => void {
  let saidBefore: string | undefined;
  return (event) => {
    if (event.type === 'connected') {
      const { version, shared, resumed } = event;
      log.info({ mqtt: version === 5 ? '5' : '3.1.1', shared, resumed }, 'connected to the broker');
      saidBefore = undefined;
    } else if (event.type === 'refused') {
      log.error({ error: errorToJson(event.error) }, 'a subscription was refused');
    } else if (event.error.message !== saidBefore) {
      log.warn({ error: errorToJson(event.error) }, 'no connection to the broker');
      saidBefore = event.error.message;
    }
  };
}
