import type { Dispatcher } from 'undici';
import { parseAnnouncement } from '../../core/fleet/commands/announcement.ts';
import type { BrokerClient } from '../../transports/mqtt/connection/client.ts';
import { type Offer, offerOf } from './source.ts';

/** Listens for announcements of the channel mode `announce` (docs/fleet.md). */
export async function listenForAnnouncements(
  client: BrokerClient,
  topic: string,
  dispatcher: Dispatcher,
  take: (offer: Offer) => void,
): Promise<void> {
  await client.subscribe(topic, 1, ({ payload }) => {
    const announcement = parseAnnouncement(payload);
    if (typeof announcement !== 'string') take(offerOf(announcement, announcement.url, dispatcher));
  });
}
