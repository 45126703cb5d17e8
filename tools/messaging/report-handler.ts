import { setTimeout as sleep } from 'node:timers/promises';
import { errorToJson, OtaError } from '../core/errors.ts';
import { formatEdgeCommand } from '../core/fleet/news/edge-news.ts';
import type { DeviceNews } from '../core/fleet/news/news.ts';
import type { FeedLog, IntakeAnswer, StatusIntake } from '../core/fleet/news/status-intake.ts';
import { type RetryPolicy, retryDelayMs } from '../core/retry.ts';
import type { HandleMessage, ReceivedMessage } from '../transports/mqtt/receiver/session.ts';
import type { ReportTopics } from './report-topics.ts';

export interface ReportHandlerOptions {
  readonly intake: StatusIntake;
  readonly topics: ReportTopics;
  readonly log: FeedLog;
  readonly random: () => number;
}

export interface ReportHandler {
  readonly handle: HandleMessage;
  /** Messages by what became of them. */
  readonly messages: Readonly<Record<string, number>>;
  commands(): number;
}

/** The database is asked again until it is back; the broker keeps what does not fit into the window. */
const policy: RetryPolicy = { retries: Number.POSITIVE_INFINITY, baseMs: 250, maxMs: 5000 };

/**
 * Hands messages to the service; each is acknowledged once it is on the disk, and whatever it holds: a message that
 * is not understood would come again for ever.
 */
export function createReportHandler(options: ReportHandlerOptions): ReportHandler {
  const { topics, log } = options;
  const messages: Record<string, number> = {};
  const count = (outcome: string): void => {
    messages[outcome] = (messages[outcome] ?? 0) + 1;
  };
  const complain = createComplaints(log);
  const store = createStoring(options);
  let commands = 0;

  return {
    messages,
    commands: () => commands,
    async handle(message, session, signal) {
      const told = readSafely(topics, message);
      if (told.kind !== 'news') {
        count(told.kind);
        if (told.kind === 'malformed') complain('malformed', message.topic, told.problem);
        return;
      }
      const answer = await store(told.news, signal);
      count(answer.outcome);
      if (answer.detail !== undefined) complain(answer.outcome, message.topic, answer.detail);
      if (answer.outcome === 'failed') return;
      const topic = answer.command && topics.commandTopic(message.topic);
      if (answer.command === undefined || topic === undefined) return;
      // Not waited for: a command that gets lost is sent again when the device says that it still runs the old version.
      session.publish(topic, formatEdgeCommand(answer.command)).then(
        () => {
          commands += 1;
        },
        (error: unknown) =>
          log.warn({ topic, error: errorToJson(error) }, 'a command was not sent'),
      );
    },
  };
}

/** What was read of a message; a topic that has no meaning any more comes from an older subscription. */
function readSafely(topics: ReportTopics, message: ReceivedMessage) {
  return topics.read(message) ?? ({ kind: 'nothing' } as const);
}

/** A bug, or a message that this database cannot hold. */
interface Failure {
  readonly outcome: 'failed';
  readonly detail: string;
}

/** Stores news, however long that takes; rejects when the signal is aborted before. */
function createStoring({ intake, log, random }: ReportHandlerOptions) {
  let away = false;
  return async (news: DeviceNews, signal: AbortSignal): Promise<IntakeAnswer | Failure> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await intake.take(news);
        if (away) log.info({}, 'the database is back: reports are taken again');
        away = false;
        return answer;
      } catch (error) {
        if (!(error instanceof OtaError) || error.code !== 'database-failed') {
          return { outcome: 'failed', detail: `could not be handled: ${String(error)}` };
        }
        if (!away) log.warn({ error: errorToJson(error) }, 'reports wait for the database');
        away = true;
      }
      const pauseMs = retryDelayMs(policy, Math.min(attempt, 16), random()) ?? policy.maxMs;
      await sleep(pauseMs, undefined, { signal });
    }
  };
}

/** One line in a while for each kind: a fleet can say the same wrong thing ten thousand times. */
const complaintsMs = 10_000;

function createComplaints(log: FeedLog): (kind: string, topic: string, why: string) => void {
  const passedOver = new Map<string, number>();
  return (kind, topic, why) => {
    const before = passedOver.get(kind);
    if (before !== undefined) {
      passedOver.set(kind, before + 1);
      return;
    }
    passedOver.set(kind, 0);
    log.warn({ topic, outcome: kind, why }, 'a message was not taken');
    setTimeout(() => {
      const more = passedOver.get(kind) ?? 0;
      passedOver.delete(kind);
      if (more > 0) log.warn({ outcome: kind, count: more }, 'more messages like that');
    }, complaintsMs).unref();
  };
}
