import { setTimeout as sleep } from 'node:timers/promises';
import {
  decodeChunk,
  type PushManifest,
  type PushRequest,
  parsePushEnd,
  parsePushManifest,
  pushTopics,
} from '../../core/chunks/push-messages.ts';
import { createPushReceiver, type PushReceiver } from '../../core/chunks/push-receiver.ts';
import type { BrokerClient } from '../../transports/mqtt/client.ts';
import { DeviceError } from './device-error.ts';
import type { Offer } from './source.ts';
import type { ImageSlot } from './update-slot.ts';

export interface PushListenerOptions {
  readonly device: string;
  readonly base: string;
  readonly client: BrokerClient;
  readonly random: () => number;
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
  heard: boolean;
  /** The publisher has cleared the manifest. */
  cancelled: boolean;
  /** The device does not want its chunks. */
  ignored: boolean;
  wake(): void;
}

/** The device's side of `ota-chunks/1`, docs/chunked-mqtt.md. */
export async function listenForPush(options: PushListenerOptions): Promise<void> {
  const { client, base } = options;
  let transfer: Transfer | undefined;
  await client.subscribe(`${base}/${pushTopics.chunk}`, 1, ({ payload }) => {
    if (transfer !== undefined && options.random() >= (options.loss ?? 0)) {
      takeChunk(transfer, payload);
    }
  });
  await client.subscribe(`${base}/${pushTopics.end}`, 1, ({ payload }) => {
    if (transfer === undefined) return;
    if (parsePushEnd(payload) === transfer.receiver.manifest.transfer_id) transfer.wake();
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
    const receiver = createPushReceiver(manifest);
    transfer = {
      receiver,
      early: new Map(),
      nextIndex: 0,
      heard: false,
      cancelled: false,
      ignored: false,
      wake: () => {},
    };
    options.onTransfer(offerOfTransfer(transfer, manifest, options));
  });
}

function takeChunk(transfer: Transfer, payload: Buffer): void {
  const chunk = decodeChunk(payload);
  if (chunk === undefined || transfer.receiver.isComplete || transfer.ignored) return;
  transfer.heard = true;
  if (!transfer.receiver.accept(chunk)) return;
  transfer.early.set(chunk.index, Buffer.from(chunk.data));
  if (transfer.slot !== undefined) drain(transfer, transfer.slot);
  if (transfer.receiver.isComplete) transfer.wake();
}

function ignore(transfer: Transfer): void {
  transfer.ignored = true;
  transfer.early.clear();
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
  const answer = (request: PushRequest) =>
    options.client
      .publish(`${options.base}/${pushTopics.request}`, JSON.stringify(request), { qos: 1 })
      .catch(() => {});
  return {
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
        const woken = await wokenOrSilent(transfer, signal);
        silences = transfer.heard || woken ? 0 : silences + 1;
        transfer.heard = false;
        await onBytes();
        if (receiver.isComplete) break;
        if (transfer.cancelled) throw new DeviceError('ESP_FAIL', 'the transfer was called off');
        if (silences >= mostSilences) throw new DeviceError('ESP_ERR_TIMEOUT', 'nothing comes');
        await sleep(options.random() * mostPauseMs, undefined, { signal });
        if (!receiver.isComplete) await answer(receiver.request(options.device));
      }
      slot.finish();
      await answer(receiver.request(options.device));
    },
    async confirm() {
      ignore(transfer);
      await answer({ ...base, state: 'complete' });
    },
    async decline(error) {
      ignore(transfer);
      if (!transfer.cancelled) await answer({ ...base, state: 'failed', error });
    },
  };
}

/** Whether an end message, or the last chunk, came before a silence. */
async function wokenOrSilent(transfer: Transfer, signal: AbortSignal): Promise<boolean> {
  const controller = new AbortController();
  const woken = new Promise<boolean>((resolve) => {
    transfer.wake = () => resolve(true);
  });
  if (transfer.receiver.isComplete) return true;
  const silence = sleep(silenceMs, false, {
    signal: AbortSignal.any([signal, controller.signal]),
  }).catch(() => false);
  const result = await Promise.race([woken, silence]);
  controller.abort();
  signal.throwIfAborted();
  return result;
}
