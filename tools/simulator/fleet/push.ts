import {
  decodeChunk,
  type PushManifest,
  type PushRequest,
  parsePushEnd,
  parsePushManifest,
  pushTopics,
} from '../../core/chunks/push-messages.ts';
import { createPushReceiver, type PushReceiver } from '../../core/chunks/push-receiver.ts';
import type { BrokerClient } from '../../transports/mqtt/connection/client.ts';
import type { Sleep } from '../../transports/sleep.ts';
import { DeviceError } from './device-error.ts';
import type { Offer } from './source.ts';
import type { ImageSlot } from './update-slot.ts';

export interface PushListenerOptions {
  readonly device: string;
  readonly base: string;
  readonly client: BrokerClient;
  readonly random: () => number;
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
  /** Chunks that get lost on the way, 0 to 1. */
  readonly loss?: number;
  /** A transfer begins; the offer's `fetch` ends when all of it is there. */
  onTransfer(offer: Offer): void;
}

const silenceMs = 5000;
const mostPauseMs = 500;
/** Silences in a row after which a device gives up. */
const mostSilences = 24;

interface Transfer {
  readonly receiver: PushReceiver;
  /** Chunks that came before their turn; the hash is computed in order. */
  readonly early: Map<number, Buffer>;
  nextIndex: number;
  slot?: ImageSlot;
  /** How it ended for this device; said whenever the publisher asks. */
  verdict?: PushRequest;
  heard: boolean;
  /** An end message has come that is not answered yet. */
  asked: boolean;
  cancelled: boolean;
  wake(): void;
}

/** The device's side of `ota-chunks/1`, docs/chunked-mqtt.md. */
export async function listenForPush(options: PushListenerOptions): Promise<void> {
  const { client, base } = options;
  let transfer: Transfer | undefined;
  const begin = (manifest: PushManifest) => {
    transfer = {
      receiver: createPushReceiver(manifest),
      early: new Map(),
      nextIndex: 0,
      heard: false,
      asked: false,
      cancelled: false,
      wake: () => {},
    };
    options.onTransfer(offerOfTransfer(transfer, manifest, options));
  };
  await client.subscribe(`${base}/${pushTopics.chunk}`, 1, ({ payload }) => {
    if (transfer !== undefined && options.random() >= (options.loss ?? 0)) {
      takeChunk(transfer, payload);
    }
  });
  await client.subscribe(`${base}/${pushTopics.end}`, 1, ({ payload }) => {
    const end = parsePushEnd(payload);
    if (transfer === undefined || end === undefined) return;
    const { manifest } = transfer.receiver;
    if (end.transferId !== manifest.transfer_id) return;
    if (end.round === 0 && transfer.verdict?.state === 'failed') begin(manifest);
    if (transfer.verdict !== undefined) void answerLater(transfer.verdict, options);
    transfer.asked = true;
    transfer.wake();
  });
  await client.subscribe(`${base}/${pushTopics.manifest}`, 1, ({ payload }) => {
    if (payload.length === 0 && transfer !== undefined) {
      transfer.cancelled = true;
      transfer.wake();
      transfer = undefined;
    }
    const manifest = parsePushManifest(payload);
    if (typeof manifest === 'string') return;
    if (manifest.transfer_id === transfer?.receiver.manifest.transfer_id) return;
    begin(manifest);
  });
}

function takeChunk(transfer: Transfer, payload: Buffer): void {
  const chunk = decodeChunk(payload);
  if (chunk === undefined || transfer.receiver.isComplete || transfer.verdict) return;
  transfer.heard = true;
  if (!transfer.receiver.accept(chunk)) return;
  transfer.early.set(chunk.index, Buffer.from(chunk.data));
  if (transfer.slot !== undefined) drain(transfer, transfer.slot);
  if (transfer.receiver.isComplete) transfer.wake();
}

function drain(transfer: Transfer, slot: ImageSlot): void {
  for (;;) {
    const data = transfer.early.get(transfer.nextIndex);
    if (data === undefined) return;
    transfer.early.delete(transfer.nextIndex);
    transfer.nextIndex += 1;
    slot.write(data);
  }
}

function offerOfTransfer(
  transfer: Transfer,
  manifest: PushManifest,
  options: PushListenerOptions,
): Offer {
  const { receiver } = transfer;
  const base = { transfer_id: manifest.transfer_id, device_id: options.device };
  return {
    decline(why) {
      if (transfer.verdict !== undefined || transfer.cancelled) return;
      transfer.early.clear();
      transfer.verdict =
        why === undefined
          ? { ...base, state: 'complete' }
          : { ...base, state: 'failed', error: why };
      void answerLater(transfer.verdict, options);
    },
    expected: {
      version: manifest.version,
      sizeBytes: manifest.size,
      sha256: manifest.sha256,
      ...(manifest.signature === undefined ? {} : { signature: manifest.signature }),
    },
    endsWithBoot: true,
    async fetch(slot, onBytes, signal) {
      transfer.slot = slot;
      drain(transfer, slot);
      for (let silences = 0; !receiver.isComplete; ) {
        const woken = await wokenOrSilent(transfer, options.sleep, signal);
        silences = transfer.heard || woken ? 0 : silences + 1;
        transfer.heard = false;
        await onBytes();
        if (receiver.isComplete) break;
        if (transfer.cancelled) throw new DeviceError('ESP_FAIL', 'the transfer was called off');
        if (silences >= mostSilences) throw new DeviceError('ESP_ERR_TIMEOUT', 'nothing comes');
        await options.sleep(options.random() * mostPauseMs, signal);
        if (!receiver.isComplete) await answer(receiver.request(options.device), options);
      }
      slot.finish();
      transfer.verdict = receiver.request(options.device);
      await answer(transfer.verdict, options);
    },
  };
}

async function answer(request: PushRequest, { client, base }: PushListenerOptions): Promise<void> {
  const topic = `${base}/${pushTopics.request}`;
  await client.publish(topic, JSON.stringify(request), { qos: 1 }).catch(() => {});
}

/** After a pause, so that a fleet does not answer in one instant. */
async function answerLater(request: PushRequest, options: PushListenerOptions): Promise<void> {
  const { random, sleep, signal } = options;
  await sleep(random() * mostPauseMs, signal).catch(() => {});
  if (!signal.aborted) await answer(request, options);
}

/** Whether an end message, or the last chunk, came before a silence. */
async function wokenOrSilent(
  transfer: Transfer,
  sleep: Sleep,
  signal: AbortSignal,
): Promise<boolean> {
  const controller = new AbortController();
  const woken = new Promise<boolean>((resolve) => {
    transfer.wake = () => resolve(true);
  });
  if (transfer.receiver.isComplete || transfer.asked) transfer.wake();
  const silence = sleep(silenceMs, AbortSignal.any([signal, controller.signal]))
    .then(() => false)
    .catch(() => false);
  const result = await Promise.race([woken, silence]);
  controller.abort();
  transfer.asked = false;
  signal.throwIfAborted();
  return result;
}
