import type { ArtifactFacts } from '../release/delivery.ts';

/** The chunk protocol of ThingsBoard (wire-formats.md, 4.2), topics as templates. */
export const pullTopics = {
  request: 'v2/fw/request/{requestId}/chunk/{n}',
  response: 'v2/fw/response/{requestId}/chunk/{n}',
  attributesRequest: 'v1/devices/me/attributes/request/{requestId}',
  attributesResponse: 'v1/devices/me/attributes/response/{requestId}',
} as const;

/** A device asks for one chunk. */
export interface PullRequest {
  /** From 0. */
  readonly index: number;
  /** Without it, the whole file is wanted in one message. */
  readonly chunkBytes?: number;
}

/** Which bytes answer a request. `refused` says why an empty message is sent although bytes were asked for. */
export interface PullAnswer {
  readonly offset: number;
  readonly length: number;
  readonly refused?: string;
}

/**
 * Reads a request. A text is what is wrong with it.
 *
 * @param n the last level of the topic: the number of the chunk
 * @param payload the wanted size in ASCII digits; empty for the whole file
 */
export function parsePullRequest(n: string, payload: Uint8Array): PullRequest | string {
  if (!/^\d{1,10}$/.test(n)) return `asks for chunk ${JSON.stringify(n.slice(0, 20))}`;
  const index = Number(n);
  if (payload.length === 0) return { index };
  const text = payload.length <= 10 ? Buffer.from(payload).toString('latin1') : '';
  const chunkBytes = /^\d+$/.test(text) ? Number(text) : 0;
  return chunkBytes > 0 ? { index, chunkBytes } : 'asks for a chunk size that is no number';
}

/**
 * Chooses the bytes. A request past the end gets an empty message: some clients send one (4.2, 3). So does one for more
 * than a message may hold: a shorter chunk would be taken for the last.
 *
 * @param largestBytes what one message may hold
 */
export function answerPullRequest(
  request: PullRequest,
  sizeBytes: number,
  largestBytes: number,
): PullAnswer {
  const { index, chunkBytes = sizeBytes } = request;
  const offset = index * chunkBytes;
  if (offset >= sizeBytes) return { offset: sizeBytes, length: 0 };
  const length = Math.min(chunkBytes, sizeBytes - offset);
  if (length <= largestBytes) return { offset, length };
  const refused = `asks for ${length} bytes, one message holds ${largestBytes}`;
  return { offset: 0, length: 0, refused };
}

/** The shared attributes from which a device learns that there is firmware (4.2, 2). */
export function firmwareAttributes(facts: ArtifactFacts): Readonly<Record<string, unknown>> {
  return {
    fw_title: facts.artifact,
    fw_version: facts.version,
    fw_checksum: facts.sha256,
    fw_checksum_algorithm: 'SHA256',
    fw_size: facts.sizeBytes,
    // Ours: a client that does not know it passes over it.
    ...(facts.signature === undefined ? {} : { fw_signature: facts.signature }),
  };
}

/** Answers `{"sharedKeys":"fw_title,fw_version"}`; a request that cannot be read gets everything. */
export function answerAttributes(payload: Uint8Array, facts: ArtifactFacts): string {
  const all = firmwareAttributes(facts);
  const wanted = readSharedKeys(payload);
  const shared = Object.entries(all).filter(([name]) => wanted?.includes(name) ?? true);
  return JSON.stringify({ shared: Object.fromEntries(shared) });
}

function readSharedKeys(payload: Uint8Array): string[] | undefined {
  if (payload.length > 4096) return;
  try {
    const { sharedKeys } = JSON.parse(Buffer.from(payload).toString()) as { sharedKeys?: unknown };
    return typeof sharedKeys === 'string' ? sharedKeys.split(',') : undefined;
  } catch {
    return;
  }
}
