import { cleanText, type DeviceStatus, parseStatus } from './status.ts';
import type { TopicTemplate } from './topic-template.ts';

/** One message from a status topic. */
export type StatusEvent =
  | {
      readonly type: 'status';
      readonly device: string;
      /** The topic or the message says which device it is; else `device` is the topic. */
      readonly named: boolean;
      readonly status: DeviceStatus;
      /** The broker kept it from before we subscribed. */
      readonly retained: boolean;
      readonly receivedAtMs: number;
    }
  | {
      readonly type: 'malformed';
      readonly device: string;
      readonly problem: string;
      readonly receivedAtMs: number;
    };

export interface StatusMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retained: boolean;
}

/**
 * Reads a status message. A device is who its topic says; where all share one topic, who its message says
 * (`device_id`), else the topic itself. Nothing comes of other topics, and of empty messages, which clear a retained one.
 */
export function readStatusEvent(
  template: TopicTemplate,
  { topic, payload, retained }: StatusMessage,
  receivedAtMs: number,
): StatusEvent | undefined {
  const places = template.match(topic);
  if (places === undefined || payload.length === 0) return;
  const named = places.device === undefined ? undefined : cleanText(places.device, 128);
  const parsed = parseStatus(payload);
  if (!parsed.ok) {
    return { type: 'malformed', device: named ?? topic, problem: parsed.problem, receivedAtMs };
  }
  const { status } = parsed;
  const name = named ?? status.deviceId;
  const event = { status, retained, receivedAtMs } as const;
  return { type: 'status', device: name ?? topic, named: name !== undefined, ...event };
}
