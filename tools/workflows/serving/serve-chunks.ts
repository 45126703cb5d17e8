import { pullTopics } from '../../core/chunks/pull.ts';
import { parseTopicTemplate } from '../../core/fleet/commands/topic-template.ts';
import {
  attributesAnnouncement,
  type ChunkServerEvent,
  serveChunks,
} from '../../messaging/chunk-server.ts';
import { createPayload } from '../../workspace/firmware/payload.ts';
import { type LoadedConfig, openConfiguredClient } from '../deploy-config.ts';
import { type ArtifactRequest, findArtifact } from '../packaging/find-artifact.ts';

export interface ServeChunksOptions {
  readonly loaded: LoadedConfig;
  readonly artifact: ArtifactRequest;
  readonly requestTopic: string;
  readonly responseTopic: string;
  readonly largestChunkBytes: number;
  /** Tells devices that listen, once, on this topic. */
  readonly announceTopic?: string;
  readonly random: () => number;
  readonly signal: AbortSignal;
  onReady(firmware: { readonly filename: string; readonly version: string }): void;
  onEvent(event: ChunkServerEvent | { readonly type: 'lost' | 'back' }): void;
}

export interface ServedChunks {
  readonly requests: number;
  readonly bytes: number;
  readonly refused: number;
}

export const pullTopicDefaults = { request: pullTopics.request, response: pullTopics.response };

/**
 * Answers the chunk protocol for one release until the signal is aborted.
 *
 * @throws OtaError for a release that is not whole, topics that cannot be used, a broker that refuses
 */
export async function serveReleaseChunks(options: ServeChunksOptions): Promise<ServedChunks> {
  const { loaded, signal, random } = options;
  const chunkPlaces = ['requestId', 'n', 'device'];
  const topics = {
    request: parseTopicTemplate(options.requestTopic, chunkPlaces),
    response: parseTopicTemplate(options.responseTopic, chunkPlaces),
    attributesRequest: parseTopicTemplate(pullTopics.attributesRequest, ['requestId']),
    attributesResponse: parseTopicTemplate(pullTopics.attributesResponse, ['requestId']),
  };
  const { path, facts } = await findArtifact(options.artifact);
  const firmware = await createPayload(path, facts).bytes();
  const client = await openConfiguredClient(loaded, {
    signal,
    random,
    notify: (type) => options.onEvent({ type }),
  });
  try {
    const { largestChunkBytes, onEvent } = options;
    const server = await serveChunks({
      client,
      facts,
      firmware,
      topics,
      largestChunkBytes,
      onEvent,
    });
    if (options.announceTopic !== undefined) {
      const topic = parseTopicTemplate(options.announceTopic, []).expand({});
      await client.publish(topic, attributesAnnouncement(facts), { qos: 1 });
    }
    options.onReady(facts);
    if (!signal.aborted) {
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    return server.stats;
  } finally {
    await client.close();
  }
}
