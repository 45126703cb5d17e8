import { createHash } from 'node:crypto';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { onTestFinished } from 'vitest';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import type { DeviceTarget, Receipt, SendContext } from '../../tools/core/release/delivery.ts';
import {
  type EsphomeDevice,
  type EsphomeDeviceOptions,
  startEsphomeDevice,
} from '../../tools/simulator/esphome-device.ts';
import { createEsphomeTransport } from '../../tools/transports/esphome.ts';
import { factsOf, payloadOf, sendContext } from './deliveries.ts';

export const image = buildImage({
  chip: 'esp32s3',
  project: 'lamp',
  version: '1.2.3',
  sizeBytes: 60_000,
});
export const transport = createEsphomeTransport({ resolve: async () => ['127.0.0.1'] });
export const key = Buffer.alloc(32, 7);
export const encryptionKey = key.toString('base64');

const imageSha256 = createHash('sha256').update(image).digest('hex');

/** Starts a virtual device that is closed when the test ends. */
export async function start(options: EsphomeDeviceOptions = {}): Promise<EsphomeDevice> {
  const device = await startEsphomeDevice(options);
  onTestFinished(device.close);
  return device;
}

/** Whether the image runs on the device now. */
export async function runs(device: EsphomeDevice): Promise<boolean> {
  await device.idle();
  return device.flash.running?.sha256 === imageSha256;
}

export type Push = Partial<DeviceTarget> & { bytes?: Uint8Array; channel?: object };

/** Pushes the image, or other bytes, to a device on this machine; `progress` fills while it runs. */
export function push(
  { bytes = image, channel = {}, ...device }: Push,
  changes: Partial<SendContext> = {},
): Promise<Receipt> & { readonly progress: readonly number[] } {
  const [delivery] = transport.prepare(channel, {
    artifact: factsOf(bytes),
    devices: [{ host: '127.0.0.1', ...device }],
  });
  const progress: number[] = [];
  const onProgress = (sentBytes: number) => void progress.push(sentBytes);
  const context = sendContext({ timeoutMs: 5000, onProgress, ...changes });
  const sent = delivery?.send(payloadOf(bytes), context) ?? Promise.reject(new Error('none'));
  return Object.assign(sent, { progress });
}

/** Has a server listen until the test ends. */
export async function listen(server: Server = createServer()): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}
