import {
  answerAttributes,
  answerPullRequest,
  firmwareAttributes,
  parsePullRequest,
} from '../core/chunks/pull.ts';
import { holdsControls, type TopicTemplate } from '../core/fleet/commands/topic-template.ts';
import type { ArtifactFacts } from '../core/release/delivery.ts';
import type { BrokerClient, IncomingMessage } from '../transports/mqtt/connection/client.ts';

export interface ChunkServerOptions {
  readonly client: BrokerClient;
  readonly facts: ArtifactFacts;
  /** All of the firmware, verified. Answers are parts of it, not copies. */
  readonly firmware: Uint8Array;
  readonly topics: {
    readonly request: TopicTemplate;
    readonly response: TopicTemplate;
    readonly attributesRequest: TopicTemplate;
    readonly attributesResponse: TopicTemplate;
  };
  /** Bytes of one answer; the broker may allow less. */
  readonly largestChunkBytes: number;
  onEvent(event: ChunkServerEvent): void;
}

export type ChunkServerEvent =
  | { readonly type: 'served'; readonly requestId: string; readonly untilByte: number }
  | { readonly type: 'refused'; readonly requestId: string; readonly why: string };

export interface ChunkServer {
  readonly stats: { readonly requests: number; readonly bytes: number; readonly refused: number };
}

/** Fixed header, topic length, packet id and properties of a PUBLISH (MQTT 5 §3.3), generously. */
const packetOverheadBytes = 64;
/** Answers on their way to the broker; what comes beyond is dropped, and asked for again. */
const mostWaiting = 2000;

/**
 * Answers chunk requests until the client is closed. Nothing is remembered about devices: each goes at its own
 * pace, and a server that starts again goes on where it was.
 */
export async function serveChunks(options: ChunkServerOptions): Promise<ChunkServer> {
  const { client, topics, facts, firmware } = options;
  const stats = { requests: 0, bytes: 0, refused: 0 };
  let waiting = 0;

  const send = (topic: string, payload: Uint8Array | string, qos: 0 | 1 | 2) => {
    waiting += 1;
    const sent = () => {
      waiting -= 1;
    };
    // A lost connection loses answers; devices ask again.
    client.publish(topic, payload, { qos }).then(sent, sent);
  };
  const refuse = (requestId: string, why: string) => {
    stats.refused += 1;
    options.onEvent({ type: 'refused', requestId, why });
  };
  const answer = ({ topic, payload, qos, retained }: IncomingMessage) => {
    const places = topics.request.match(topic);
    if (places === undefined || retained || holdsControls(topic)) return;
    stats.requests += 1;
    const requestId = places.requestId ?? '';
    const request = parsePullRequest(places.n ?? '', payload);
    if (typeof request === 'string') return refuse(requestId, request);
    if (waiting >= mostWaiting) return refuse(requestId, 'too many requests at the same time');
    const responseTopic = topics.response.expand(places);
    const room =
      client.limits.maximumPacketSize - Buffer.byteLength(responseTopic) - packetOverheadBytes;
    const largest = Math.min(options.largestChunkBytes, room);
    const { offset, length, refused } = answerPullRequest(request, facts.sizeBytes, largest);
    if (refused !== undefined) refuse(requestId, refused);
    stats.bytes += length;
    send(responseTopic, firmware.subarray(offset, offset + length), qos);
    options.onEvent({ type: 'served', requestId, untilByte: offset + length });
  };

  await client.subscribe(
    topics.attributesRequest.filter,
    1,
    ({ topic, payload, qos, retained }) => {
      const places = topics.attributesRequest.match(topic);
      if (places === undefined || retained || holdsControls(topic) || waiting >= mostWaiting)
        return;
      send(topics.attributesResponse.expand(places), answerAttributes(payload, facts), qos);
    },
  );
  await client.subscribe(topics.request.filter, 1, answer);
  return { stats };
}

/** Tells devices that there is firmware: the push form of the attributes, without `shared` (4.2). */
export function attributesAnnouncement(facts: ArtifactFacts): string {
  return JSON.stringify(firmwareAttributes(facts));
}
