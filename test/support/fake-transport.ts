import type {
  Delivery,
  DeviceTarget,
  Payload,
  Receipt,
  SendContext,
  Transport,
} from '../../tools/core/release/delivery.ts';

export type Send = (
  payload: Payload,
  context: SendContext,
  device?: DeviceTarget,
) => Promise<Receipt>;

/** A transport whose `send` the test writes. With `perDevice` it makes one delivery a device. */
export function createFakeTransport(
  name: string,
  send: Send = async ({ facts }) => ({ sentBytes: facts.sizeBytes, warnings: [] }),
  options: { perDevice?: boolean } = {},
): Transport {
  return {
    name,
    summary: `fake ${name}`,
    example: {},
    prepare(channel, { artifact, devices }) {
      const settings = channel as Record<string, unknown>;
      const make = (destination: string, device?: DeviceTarget): Delivery => ({
        destination,
        settings: { timeout: 30, ...settings },
        send: (payload, context) => send(payload, context, device),
      });
      if (options.perDevice === true) {
        return devices.map((device) => make(`${name}://${device.host}`, device));
      }
      return [make(`${name}://${String(settings.to ?? 'somewhere')}/${artifact.version}`)];
    },
  };
}
