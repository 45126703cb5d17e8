import { setTimeout as sleep } from 'node:timers/promises';
import { cancelledError } from '../../core/errors.ts';
import type { BrokerClient } from './connection/client.ts';

/** A message that a broker may keep (retain). */
export interface StandingMessage {
  readonly topic: string;
  /** Bytes that it may have; more take longer to be shown. */
  readonly sizeBytes: number;
  /** Whether what stands there is what is to be cleared. */
  isOurs(payload: Buffer): boolean;
}

/** What became of it. */
export type Clearing =
  | { readonly kind: 'cleared' }
  /** The broker shows none. */
  | { readonly kind: 'nothing' }
  /** Another one stands there; it was left alone. */
  | { readonly kind: 'other'; readonly payload: Buffer }
  /** Another one came in the very moment of clearing, and was put there again. */
  | { readonly kind: 'restored'; readonly payload: Buffer };

/**
 * Clears a retained message, when it is ours: an empty one takes its place (MQTT 5 §3.3.1.3). MQTT has no "only if". A
 * message that another publisher puts there meanwhile is known by its place in the order in which the broker passes
 * messages on, and is published again.
 *
 * @throws OtaError `cancelled`, or as the client does
 */
export async function clearStanding(
  client: BrokerClient,
  { topic, sizeBytes, isOurs }: StandingMessage,
  signal: AbortSignal,
): Promise<Clearing> {
  const shown = await showTopic(client, topic, sizeBytes, signal);
  await shown.until((payloads) => payloads.length > 0);
  const standing = shown.payloads.at(-1);
  if (standing === undefined || isEmpty(standing)) return { kind: 'nothing' };
  if (!isOurs(standing)) return { kind: 'other', payload: standing };
  const before = shown.payloads.length;
  await client.publish(topic, '', { qos: 1, retain: true });
  await shown.until((payloads) => payloads.slice(before).some(isEmpty));
  const since = shown.payloads.slice(before);
  const end = since.findIndex(isEmpty);
  const lost = since.slice(0, end < 0 ? since.length : end).findLast((one) => !isOurs(one));
  if (lost === undefined) return { kind: 'cleared' };
  await client.publish(topic, lost, { qos: 1, retain: true });
  return { kind: 'restored', payload: lost };
}

function isEmpty(payload: Buffer): boolean {
  return payload.length === 0;
}

/** The messages of one topic, in the order in which the broker passes them on. */
interface ShownTopic {
  readonly payloads: readonly Buffer[];
  /** Waits for it, but not long. */
  until(isThere: (payloads: readonly Buffer[]) => boolean): Promise<void>;
}

/** Brokers show what they keep right after a subscription, and a message right after they took it. */
const answerMs = 2000;
/** Slower links are not waited for. */
const slowestBytesPerMs = 50;

async function showTopic(
  client: BrokerClient,
  topic: string,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<ShownTopic> {
  const payloads: Buffer[] = [];
  let wake = () => {};
  await client.subscribe(topic, 1, ({ payload }) => {
    payloads.push(payload);
    wake();
  });
  const longestMs = answerMs + sizeBytes / slowestBytesPerMs;
  return {
    payloads,
    async until(isThere) {
      const timer = new AbortController();
      const late = sleep(longestMs, undefined, { signal: timer.signal }).catch(() => {});
      const there = new Promise<void>((resolve) => {
        wake = () => {
          if (isThere(payloads) || signal.aborted) resolve();
        };
        signal.addEventListener('abort', wake, { once: true });
        wake();
      });
      await Promise.race([there, late]);
      timer.abort();
      signal.removeEventListener('abort', wake);
      if (signal.aborted) throw cancelledError();
    },
  };
}
