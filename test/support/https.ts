import { onTestFinished } from 'vitest';
import type { Audience } from '../../tools/core/fleet/offers/rollout-audience.ts';
import type { Receipt, SendContext } from '../../tools/core/release/delivery.ts';
import {
  createHttpsReceiver,
  type HttpsReceiver,
  type ReceiverOptions,
} from '../../tools/simulator/https-receiver.ts';
import { https } from '../../tools/transports/https.ts';
import { payloadOf, sampleBytes, sendContext } from './deliveries.ts';

/** Sends over HTTPS, or over HTTP when the URL says so. */
export function sendHttps(
  channel: object,
  options: {
    bytes?: Uint8Array;
    context?: Partial<SendContext>;
    version?: string;
    rollout?: Audience;
  } = {},
): Promise<Receipt> {
  const { version = '1.2.3', rollout } = options;
  const payload = payloadOf(options.bytes ?? sampleBytes, { version });
  const settings = { allow_http: true, ...channel };
  const [delivery] = https.prepare(settings, {
    artifact: payload.facts,
    devices: [],
    ...(rollout === undefined ? {} : { rollout }),
  });
  if (delivery === undefined) throw new Error('no delivery');
  return delivery.send(payload, sendContext(options.context));
}

/** A receiver that ends with the test. */
export async function receiver(options?: ReceiverOptions): Promise<HttpsReceiver> {
  const server = await createHttpsReceiver(options);
  onTestFinished(server.close);
  return server;
}
