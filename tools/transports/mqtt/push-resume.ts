import {
  formatPushEnd,
  type PushManifest,
  parsePushManifest,
  pushTopics,
} from '../../core/chunks/push-messages.ts';
import type { PushPublisher } from '../../core/chunks/push-publisher.ts';
import type { Sleep } from '../sleep.ts';
import type { BrokerClient } from './connection/client.ts';

export interface ResumeOptions {
  readonly client: BrokerClient;
  /** The topic under which the four topics stand. */
  readonly base: string;
  readonly manifest: PushManifest;
  readonly expected: readonly string[];
  readonly now: () => number;
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
}

/** What the broker has kept comes before our own message comes back; where we may not read, nothing does. */
const echoMs = 1000;
/** Who is there answers within half a second (docs/chunked-mqtt.md). */
const askMs = 2000;
/** After the first answer, others get so long. */
const collectMs = 700;
const tickMs = 20;

/**
 * Publishes the manifest, retained.
 *
 * @returns whether the broker had kept the same one: a publisher was cut off before, and devices hold chunks
 */
export async function announceTransfer(options: ResumeOptions): Promise<boolean> {
  const { client, base, manifest, sleep, signal } = options;
  const topic = `${base}/${pushTopics.manifest}`;
  let begun = false;
  let hear = () => {};
  const echo = new Promise<void>((resolve) => {
    hear = resolve;
  });
  const subscribed = client.subscribe(topic, 1, ({ payload, retained }) => {
    const kept = parsePushManifest(payload);
    if (!retained) hear();
    else if (typeof kept !== 'string') begun = kept.transfer_id === manifest.transfer_id;
  });
  // A publisher that may not read here does without, and begins anew.
  const listens = await subscribed.then(
    () => true,
    () => false,
  );
  await client.publish(topic, JSON.stringify(manifest), { qos: 1, retain: true });
  if (listens) await Promise.race([echo, sleep(echoMs, signal).catch(() => {})]);
  return begun;
}

/** Asks devices what they miss, before anything is sent. When nobody answers, everything is sent. */
export async function askFirst(publisher: PushPublisher, options: ResumeOptions): Promise<void> {
  const { client, base, manifest, expected, now, sleep, signal } = options;
  publisher.clear();
  await client.publish(`${base}/${pushTopics.end}`, formatPushEnd(manifest, 0), { qos: 1 });
  const askedAt = now();
  let firstAt: number | undefined;
  const isOver = () => {
    const answered = publisher.devices().filter(({ state }) => state !== 'silent');
    if (answered.length > 0) firstAt ??= now();
    if (firstAt === undefined) return now() - askedAt >= askMs;
    const names = new Set(answered.map(({ device }) => device));
    const allThere = expected.length > 0 && expected.every((device) => names.has(device));
    return allThere || now() - firstAt >= collectMs;
  };
  while (!isOver()) await sleep(tickMs, signal);
  if (firstAt === undefined) publisher.fill();
}
