import { formatAudience } from '../../tools/core/fleet/offers/audience-text.ts';
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

/**
 * A transport whose `send` the test writes. With `perDevice` it makes one delivery a device, with `startsRollouts`
 * it takes rollouts and shows them in the destination.
 */
export function createFakeTransport(
  name: string,
  send: Send = async ({ facts }) => ({ sentBytes: facts.sizeBytes, warnings: [] }),
  options: { perDevice?: boolean; startsRollouts?: true } = {},
): Transport {
  return {
    name,
    summary: `fake ${name}`,
    example: {},
    ...(options.startsRollouts === undefined ? {} : { startsRollouts: true }),
    prepare(channel, { artifact, devices, rollout }) {
      const settings = channel as Record<string, unknown>;
      const make = (destination: string, device?: DeviceTarget): Delivery => ({
        destination,
        settings: { timeout: 30, ...settings },
        send: (payload, context) => send(payload, context, device),
      });
      if (options.perDevice === true) {
        return devices.map((device) => make(`${name}://${device.host}`, device));
      }
      const query = rollout === undefined ? '' : `?${formatAudience(rollout)}`;
      return [make(`${name}://${String(settings.to ?? 'somewhere')}/${artifact.version}${query}`)];
    },
  };
}
