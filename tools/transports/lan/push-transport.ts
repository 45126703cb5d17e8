import type { Delivery, DeviceTarget, Transport } from '../../core/release/delivery.ts';
import { defineTransport, type TransportDefinition } from '../define.ts';
import { type Network, realNetwork } from './device.ts';
import { createUploadCache, type UploadCache } from './upload-cache.ts';

/** What the deliveries of one plan share. */
export interface PushRun {
  readonly cache: UploadCache;
  readonly network: Network;
}

export interface PushDefinition<Channel>
  extends Pick<TransportDefinition<Channel>, 'name' | 'summary' | 'schema' | 'example'> {
  /** Refuses, before anything is sent, what the schema lets pass. */
  check(channel: Channel, devices: readonly DeviceTarget[]): void;
  prepareDevice(channel: Channel, device: DeviceTarget, run: PushRun): Delivery;
}

/** Makes a transport that pushes to devices one by one; the image is read and compressed once for all of them. */
export function definePushTransport<Channel>(
  { check, prepareDevice, ...definition }: PushDefinition<Channel>,
  network: Partial<Network>,
): Transport {
  return defineTransport<Channel>({
    ...definition,
    perDevice: true,
    prepare(channel, { devices }) {
      check(channel, devices);
      const run = { cache: createUploadCache(), network: { ...realNetwork, ...network } };
      return devices.map((device) => prepareDevice(channel, device, run));
    },
  });
}
