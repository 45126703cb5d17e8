import {
  encodeChunk,
  formatPushEnd,
  type PushManifest,
  parsePushRequest,
  pushTopics,
} from '../../core/chunks/push-messages.ts';
import { createPushPublisher, type PushDevice } from '../../core/chunks/push-publisher.ts';
import type { BrokerClient } from './client.ts';
import { announceTransfer, askFirst } from './push-resume.ts';

export interface PushOptions {
  readonly client: BrokerClient;
  /** The topic under which the four topics stand. */
  readonly base: string;
  readonly manifest: PushManifest;
  readonly firmware: Uint8Array;
  /** Devices that must have everything; empty when nobody in particular is expected. */
  readonly expected: readonly string[];
  readonly qos: 0 | 1 | 2;
  readonly window: number;
  readonly settleMs: number;
  readonly deadlineMs: number;
  /** Keep the manifest at the broker afterwards, for devices that come later. */
  readonly keepManifest: boolean;
  readonly now: () => number;
  /** Rejects when the signal is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  onProgress(sentBytes: number): void;
}

export interface PushOutcome {
  readonly devices: readonly PushDevice[];
  /** A publisher was cut off before, and devices were asked first. */
  readonly resumed: boolean;
  readonly rounds: number;
  readonly sentChunks: number;
  /** The deadline came first. */
  readonly expired: boolean;
}

/** After the first request of a round, others get so long to join it. */
const collectMs = 700;
/** An end message may get lost: it is said again while somebody is expected. */
const repeatEndMs = 5000;
const tickMs = 20;

/** The publisher's side of `ota-chunks/1` (docs/chunked-mqtt.md), to the end or the deadline. */
export async function pushChunks(options: PushOptions): Promise<PushOutcome> {
  const { client, base, manifest, now, signal } = options;
  const publisher = createPushPublisher(manifest, options.expected);
  const deadline = now() + options.deadlineMs;
  let requests = 0;
  let rounds = 0;
  await client.subscribe(`${base}/${pushTopics.request}`, 1, ({ payload, retained }) => {
    const request = retained ? '' : parsePushRequest(payload, manifest.chunk_count);
    if (typeof request !== 'string' && publisher.receive(request)) requests += 1;
  });
  const manifestTopic = `${base}/${pushTopics.manifest}`;
  const say = (topic: string, text: string, retain = false) =>
    client.publish(topic, text, { qos: 1, retain });

  /** Waits until somebody misses something, all are done, or nobody says anything any more. */
  const listen = async () => {
    const since = now();
    let heardAt = since;
    let heard = requests;
    while (!publisher.isSettled && now() < deadline) {
      if (requests !== heard) {
        heard = requests;
        heardAt = publisher.hasWork ? heardAt : now();
      }
      const waited = now() - heardAt;
      if (publisher.hasWork && waited >= collectMs) return;
      if (
        !publisher.hasWork &&
        waited >= (options.expected.length > 0 ? repeatEndMs : options.settleMs)
      )
        return;
      await options.sleep(tickMs, signal);
    }
  };

  const resumed = await announceTransfer(options);
  if (resumed) await askFirst(publisher, options);
  let finished = publisher.isSettled;
  while (!finished) {
    // A broker that lost its memory has lost the manifest, too.
    if (rounds > 0) await say(manifestTopic, JSON.stringify(manifest), true);
    await sendRound(options, publisher.nextChunk, () => publisher.sentChunks, deadline);
    rounds += 1;
    await say(`${base}/${pushTopics.end}`, formatPushEnd(manifest, rounds));
    await listen();
    finished =
      publisher.isSettled ||
      now() >= deadline ||
      (options.expected.length === 0 && !publisher.hasWork);
  }
  // Kept for the next run where somebody still misses something: devices keep their chunks.
  const isOver = publisher
    .devices()
    .every(({ state }) => state === 'complete' || state === 'failed');
  if (isOver && !options.keepManifest) await say(manifestTopic, '', true);
  return {
    devices: publisher.devices(),
    resumed,
    rounds,
    sentChunks: publisher.sentChunks,
    expired: now() >= deadline && !publisher.isSettled,
  };
}

/** Sends what waits, at most `window` chunks unacknowledged at a time. */
async function sendRound(
  options: PushOptions,
  nextChunk: () => number | undefined,
  sentChunks: () => number,
  deadline: number,
): Promise<void> {
  const { client, manifest, firmware, base, qos } = options;
  const lane = async () => {
    while (options.now() < deadline) {
      const index = nextChunk();
      if (index === undefined) return;
      const start = index * manifest.chunk_size;
      const data = firmware.subarray(start, start + manifest.chunk_size);
      const packet = encodeChunk({ transferId: manifest.transfer_id, index, data });
      await client.publish(`${base}/${pushTopics.chunk}`, packet, { qos });
      options.onProgress(Math.min(manifest.size, sentChunks() * manifest.chunk_size));
    }
  };
  const lanes = Math.min(options.window, client.limits.receiveMaximum, manifest.chunk_count);
  await Promise.all(Array.from({ length: lanes }, lane));
}
