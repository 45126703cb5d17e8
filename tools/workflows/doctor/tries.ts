import { setTimeout as sleep } from 'node:timers/promises';
import { OtaError } from '../../core/errors.ts';
import type { BrokerClient } from '../../transports/mqtt/connection/client.ts';

/** A connection to try things on. */
export interface Bench {
  readonly client: BrokerClient;
  readonly patience?: Patience;
}

export interface Patience {
  /** Retained messages come at once after a subscription. */
  readonly retainedMs: number;
  /** How long the way to the broker and back may take. */
  readonly echoMs: number;
  /** Brokers that hang up instead of refusing never answer, however often we come back. */
  readonly answerMs: number;
}

export const usualPatience: Patience = { retainedMs: 500, echoMs: 2000, answerMs: 10_000 };

/** No action of ours or the seed's, and no text that could be taken for one. */
export const noOperation = '{"action":"none"}';

/** What comes on a filter. */
export interface Ear {
  /** Why the broker refused the subscription. */
  readonly refused?: unknown;
  /** Topics with a message that the broker kept. */
  readonly kept: readonly string[];
  /** Resolves when a message comes on this topic that was sent now. */
  next(topic: string): Promise<void>;
}

/** Subscribes; a refusal is a result, too. */
export async function listen(bench: Bench, filter: string): Promise<Ear> {
  const kept: string[] = [];
  const waiting = new Map<string, () => void>();
  const next = (topic: string) =>
    new Promise<void>((resolve) => {
      waiting.set(topic, resolve);
    });
  const subscribed = bench.client.subscribe(filter, 1, ({ topic, payload, retained }) => {
    if (!retained) waiting.get(topic)?.();
    else if (payload.length > 0) kept.push(topic);
  });
  try {
    await answered(bench, subscribed, `the subscription to ${filter}`);
    return { kept, next };
  } catch (refused) {
    return { kept, next, refused };
  }
}

/** How a message to a topic that we listen to fared. */
export interface Try {
  readonly refused?: unknown;
  readonly cameBack: boolean;
}

/** Publishes to a topic on which the ear listens, and waits for what comes back. */
export async function tryTopic(
  bench: Bench,
  ear: Ear,
  topic: string,
  payload: string,
): Promise<Try> {
  const { echoMs } = bench.patience ?? usualPatience;
  const echo = ear.next(topic).then(() => true);
  try {
    const published = bench.client.publish(topic, payload, { qos: 1 });
    await answered(bench, published, `the message to ${topic}`);
  } catch (refused) {
    return { cameBack: false, refused };
  }
  const cameBack = ear.refused === undefined && (await before(echoMs, echo)) === true;
  return { cameBack };
}

async function answered(
  { client, patience = usualPatience }: Bench,
  work: Promise<void>,
  asked: string,
): Promise<void> {
  const settled = work.then(() => true);
  if ((await before(patience.answerMs, settled)) === true) return;
  throw new OtaError('mqtt-refused', `${client.peer} does not answer ${asked}`, {
    hint: 'Some brokers hang up instead of refusing: check the rights of the user.',
  });
}

/** What work results in, or nothing when it takes too long. */
async function before<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  const limit = new AbortController();
  const silence = sleep(ms, undefined, { signal: limit.signal }).catch(() => undefined);
  try {
    return await Promise.race([work, silence]);
  } finally {
    limit.abort();
    work.catch(() => {}); // nobody waits any more
  }
}
