import { cleanText, type DeviceStatus, parseStatus } from '../core/fleet/status.ts';
import type { TopicTemplate } from '../core/fleet/topic-template.ts';
import type { BrokerClient } from '../transports/mqtt/client.ts';

/** One message from a status topic. */
export type StatusEvent =
  | {
      readonly type: 'status';
      readonly device: string;
      /** The topic or the message says which device it is; else `device` is the topic. */
      readonly named: boolean;
      readonly status: DeviceStatus;
      readonly retained: boolean;
      readonly receivedAtMs: number;
    }
  | {
      readonly type: 'malformed';
      readonly device: string;
      readonly problem: string;
      readonly receivedAtMs: number;
    };

export interface StatusFeedOptions {
  readonly client: BrokerClient;
  /** With `{device}`, or one topic for all. */
  readonly topic: TopicTemplate;
  readonly now: () => number;
  handle(event: StatusEvent): void;
}

/**
 * Subscribes to the status of all devices. A device is who its topic says; where all share one topic, who its message
 * says (`device_id`), else the topic itself. Empty messages, which clear a retained one, are passed over.
 */
export async function followStatus(options: StatusFeedOptions): Promise<void> {
  const { client, topic: template, now, handle } = options;
  await client.subscribe(template.filter, 1, ({ topic, payload, retained }) => {
    const places = template.match(topic);
    if (places === undefined || payload.length === 0) return;
    const receivedAtMs = now();
    const parsed = parseStatus(payload);
    const named = places.device === undefined ? undefined : cleanText(places.device, 128);
    if (!parsed.ok) {
      handle({ type: 'malformed', device: named ?? topic, problem: parsed.problem, receivedAtMs });
      return;
    }
    const { status } = parsed;
    const name = named ?? status.deviceId;
    const event = { status, retained, receivedAtMs } as const;
    handle({ type: 'status', device: name ?? topic, named: name !== undefined, ...event });
  });
}
