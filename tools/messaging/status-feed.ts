import { readStatusEvent, type StatusEvent } from '../core/fleet/commands/status-event.ts';
import type { TopicTemplate } from '../core/fleet/commands/topic-template.ts';
import type { BrokerClient } from '../transports/mqtt/connection/client.ts';

export interface StatusFeedOptions {
  readonly client: BrokerClient;
  /** With `{device}`, or one topic for all. */
  readonly topic: TopicTemplate;
  readonly now: () => number;
  handle(event: StatusEvent): void;
}

/** Subscribes to the status of all devices. */
export async function followStatus(options: StatusFeedOptions): Promise<void> {
  const { client, topic, now, handle } = options;
  await client.subscribe(topic.filter, 1, (message) => {
    const event = readStatusEvent(topic, message, now());
    if (event !== undefined) handle(event);
  });
}
