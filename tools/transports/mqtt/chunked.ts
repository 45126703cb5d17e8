import type { PushDevice } from '../../core/chunks/push-devices.ts';
import { buildPushManifest, pushLimits } from '../../core/chunks/push-messages.ts';
import {
  DeliveryFailure,
  type Payload,
  type Receipt,
  type SendContext,
} from '../../core/release/delivery.ts';
import { bySystem } from '../sleep.ts';
import type { BrokerClient } from './connection/client.ts';
import type { ChunkedMode } from './mode.ts';
import type { MqttPlan } from './plan.ts';
import { openPlannedClient } from './planned-client.ts';
import { type PushOutcome, pushChunks } from './push-chunks.ts';

/** Topic, packet id and properties of a PUBLISH (MQTT 5 §3.3), generously. */
const packetOverheadBytes = 64;

/** One transfer in chunks: it ends when the devices have it, or at its deadline. */
export async function sendInChunks(
  plan: MqttPlan,
  mode: ChunkedMode,
  payload: Payload,
  context: SendContext,
): Promise<Receipt> {
  const { sizeBytes } = payload.facts;
  const manifest = buildPushManifest({ ...payload.facts, chunkBytes: mode.chunkBytes });
  checkCount(manifest.chunk_count, mode);
  const client = await openPlannedClient(plan, context);
  try {
    checkPacket(plan, mode, client);
    const outcome = await pushChunks({
      client,
      base: plan.topic,
      manifest,
      firmware: await payload.bytes(),
      expected: mode.devices,
      qos: plan.qos,
      window: mode.window,
      settleMs: mode.settleMs,
      deadlineMs: mode.deadlineMs,
      keepManifest: plan.retain,
      now: () => context.now().getTime(),
      sleep: context.sleep ?? bySystem,
      signal: context.signal,
      onProgress: context.onProgress,
    });
    return toReceipt(outcome, sizeBytes, mode);
  } finally {
    await client.close();
  }
}

function checkCount(count: number, { chunkBytes }: ChunkedMode): void {
  if (count <= pushLimits.mostChunks) return;
  throw tooLarge(
    `${count} chunks of ${chunkBytes} bytes are more than ${pushLimits.mostChunks}`,
    'Raise `chunk_size`.',
  );
}

function checkPacket(plan: MqttPlan, mode: ChunkedMode, { limits, peer }: BrokerClient): void {
  const packetBytes =
    mode.chunkBytes + pushLimits.headerBytes + Buffer.byteLength(plan.topic) + packetOverheadBytes;
  if (packetBytes <= limits.maximumPacketSize) return;
  throw tooLarge(
    `${peer} accepts packets of ${limits.maximumPacketSize} bytes; a chunk makes ${packetBytes}`,
    'Lower `chunk_size`.',
  );
}

function tooLarge(message: string, hint: string): DeliveryFailure {
  return new DeliveryFailure('mqtt-too-large', message, { hint, retryable: false });
}

function toReceipt(outcome: PushOutcome, sizeBytes: number, mode: ChunkedMode): Receipt {
  const { devices, expired } = outcome;
  const incomplete = devices.filter(({ state }) => state !== 'complete');
  const known = incomplete.filter(
    ({ device, state }) => mode.devices.includes(device) || state !== 'silent',
  );
  if (known.length > 0) {
    throw new DeliveryFailure(
      'chunks-incomplete',
      `${known.length} of ${devices.length} devices do not have the firmware${expired ? ' at the deadline' : ''}`,
      {
        details: known.map(describeDevice),
        hint: 'Devices keep the chunks that they have: run the command again, or raise `deadline`.',
        retryable: false,
        sentBytes: sizeBytes,
      },
    );
  }
  return {
    sentBytes: sizeBytes,
    warnings: devices.length === 0 ? ['no device has answered'] : [],
    answer: `${devices.length} ${devices.length === 1 ? 'device has' : 'devices have'} it, ${describeWay(outcome)}`,
  };
}

function describeWay({ resumed, rounds, sentChunks }: PushOutcome): string {
  const after = `after ${rounds} ${rounds === 1 ? 'round' : 'rounds'}`;
  return resumed ? `${after}; went on with an earlier run, ${sentChunks} chunks sent` : after;
}

function describeDevice({ device, state, missingChunks, error }: PushDevice): string {
  if (state === 'silent') return `${device}: no answer`;
  return state === 'failed'
    ? `${device}: ${error ?? 'it gives no reason'}`
    : `${device}: ${missingChunks} chunks are missing`;
}
