import type { PushDevice } from '../../core/chunks/push-devices.ts';
import {
  encodeChunk,
  formatPushEnd,
  type PushManifest,
  parsePushRequest,
  pushTopics,
} from '../../core/chunks/push-messages.ts';
import { createPushPublisher, type PushPublisher } from '../../core/chunks/push-publisher.ts';
import type { Sleep } from '../sleep.ts';
import type { BrokerClient } from './connection/client.ts';
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
  readonly sleep: Sleep;
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

/** A transfer on its way. */
interface Transfer {
  readonly options: PushOptions;
  readonly publisher: PushPublisher;
  /** By `options.now`. */
  readonly deadline: number;
  /** Requests of devices so far. */
  requests(): number;
  /** Devices that have said something since the last end message. */
  readonly answered: Set<string>;
}

/** The publisher's side of `ota-chunks/1` (docs/chunked-mqtt.md), to the end or the deadline. */
export async function pushChunks(options: PushOptions): Promise<PushOutcome> {
  const { client, base, manifest, now } = options;
  const transfer = await openTransfer(options);
  const { publisher, deadline } = transfer;
  const sayManifest = (text: string) =>
    client.publish(`${base}/${pushTopics.manifest}`, text, { qos: 1, retain: true });

  const resumed = await announceTransfer(options);
  if (resumed) await askFirst(publisher, options);
  let rounds = 0;
  while (!publisher.isSettled) {
    // A broker that lost its memory has lost the manifest, too.
    if (rounds > 0) await sayManifest(JSON.stringify(manifest));
    await sendRound(transfer);
    rounds += 1;
    transfer.answered.clear();
    await client.publish(`${base}/${pushTopics.end}`, formatPushEnd(manifest, rounds), { qos: 1 });
    await awaitRequests(transfer);
    if (isOver(transfer)) break;
  }
  // Kept for the next run where somebody still misses something: devices keep their chunks.
  if (haveAllEnded(publisher.devices()) && !options.keepManifest) await sayManifest('');
  return {
    devices: publisher.devices(),
    resumed,
    rounds,
    sentChunks: publisher.sentChunks,
    expired: now() >= deadline && !publisher.isSettled,
  };
}

/** Listens to the devices, before they are told anything. */
async function openTransfer(options: PushOptions): Promise<Transfer> {
  const { client, base, manifest } = options;
  const deadline = options.now() + options.deadlineMs;
  const publisher = createPushPublisher(manifest, options.expected);
  const answered = new Set<string>();
  let requests = 0;
  await client.subscribe(`${base}/${pushTopics.request}`, 1, ({ payload, retained }) => {
    const request = retained ? '' : parsePushRequest(payload, manifest.chunk_count);
    if (typeof request === 'string' || !publisher.receive(request)) return;
    requests += 1;
    answered.add(request.device_id);
  });
  return { options, publisher, deadline, requests: () => requests, answered };
}

function isOver({ options, publisher, deadline }: Transfer): boolean {
  const nobodyAsks = options.expected.length === 0 && !publisher.hasWork;
  return publisher.isSettled || nobodyAsks || options.now() >= deadline;
}

function haveAllEnded(devices: readonly PushDevice[]): boolean {
  return devices.every(hasEnded);
}

function hasEnded({ state }: PushDevice): boolean {
  return state === 'complete' || state === 'failed';
}

/** After the first request of a round, others get so long to join it. */
const collectMs = 700;
/** An end message may get lost: it is said again while somebody is expected. */
const repeatEndMs = 5000;
const tickMs = 20;

/** Waits until somebody misses something, all are done, or nobody says anything any more. */
async function awaitRequests(transfer: Transfer): Promise<void> {
  const { options, publisher, deadline, requests } = transfer;
  const { now, sleep, signal } = options;
  const silenceMs = options.expected.length > 0 ? repeatEndMs : options.settleMs;
  let heardAt = now();
  let heard = requests();
  let hadWork = publisher.hasWork;
  while (!publisher.isSettled && now() < deadline) {
    if (requests() !== heard) {
      heard = requests();
      if (!hadWork) heardAt = now();
      hadWork = publisher.hasWork;
    }
    if (publisher.hasWork && haveAllAnswered(transfer)) return;
    if (now() - heardAt >= (publisher.hasWork ? collectMs : silenceMs)) return;
    await sleep(tickMs, signal);
  }
}

/** Who is expected, at least; nothing more is to come in this round then. */
function haveAllAnswered({ options, publisher, answered }: Transfer): boolean {
  const isDone = (device: PushDevice) => answered.has(device.device) || hasEnded(device);
  return options.expected.length > 0 && publisher.devices().every(isDone);
}

/** Sends what waits, at most `window` chunks unacknowledged at a time. */
async function sendRound({ options, publisher, deadline }: Transfer): Promise<void> {
  const { client, manifest, firmware, base, qos } = options;
  const lane = async () => {
    while (options.now() < deadline) {
      const index = publisher.nextChunk();
      if (index === undefined) return;
      const start = index * manifest.chunk_size;
      const data = firmware.subarray(start, start + manifest.chunk_size);
      const packet = encodeChunk({ transferId: manifest.transfer_id, index, data });
      await client.publish(`${base}/${pushTopics.chunk}`, packet, { qos });
      options.onProgress(Math.min(manifest.size, publisher.sentChunks * manifest.chunk_size));
    }
  };
  const lanes = Math.min(options.window, client.limits.receiveMaximum, manifest.chunk_count);
  await Promise.all(Array.from({ length: lanes }, lane));
}
