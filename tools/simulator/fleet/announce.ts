import type { Dispatcher } from 'undici';
import type { BrokerClient } from '../../transports/mqtt/client.ts';
import { type Offer, offerOf } from './source.ts';

/** Listens for announcements of the channel mode `announce` (docs/fleet.md). */
export async function listenForAnnouncements(
  client: BrokerClient,
  topic: string,
  dispatcher: Dispatcher,
  take: (offer: Offer) => void,
): Promise<void> {
  await client.subscribe(topic, 1, ({ payload }) => {
    const offer = readAnnouncement(payload, dispatcher);
    if (offer !== undefined) take(offer);
  });
}

function readAnnouncement(payload: Buffer, dispatcher: Dispatcher): Offer | undefined {
  if (payload.length === 0 || payload.length > 65_536) return;
  try {
    const file = JSON.parse(payload.toString()) as Record<string, unknown>;
    const { version, url, size, sha256 } = file;
    if (typeof version !== 'string' || typeof url !== 'string') return;
    if (typeof size !== 'number' || typeof sha256 !== 'string') return;
    return offerOf({ version, size, sha256 }, url, dispatcher);
  } catch {
    return;
  }
}
