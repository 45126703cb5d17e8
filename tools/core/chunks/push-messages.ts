import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import manifestSchema from '../../../schemas/ota-chunks-manifest.schema.json' with { type: 'json' };
import requestSchema from '../../../schemas/ota-chunks-request.schema.json' with { type: 'json' };
import { defineSchema, formatProblem } from '../schema.ts';
import type { ChunkRange } from './chunk-set.ts';

/** The messages of the chunked push, as docs/chunked-mqtt.md describes them. Topics stand under one base. */
export const pushTopics = {
  manifest: 'manifest',
  chunk: 'chunk',
  end: 'end',
  request: 'request',
} as const;

export const pushLimits = {
  /** More bytes than any ESP chip has flash for. */
  largestSizeBytes: 128 * 1024 * 1024,
  smallestChunkBytes: 256,
  largestChunkBytes: 1024 * 1024,
  mostChunks: 65_536,
  mostRanges: 128,
  headerBytes: 16,
} as const;

/** What is going to be sent. */
export interface PushManifest {
  readonly protocol: 'ota-chunks/1';
  /** 16 hexadecimal digits; the same content in the same chunks with the same signature has the same id. */
  readonly transfer_id: string;
  readonly version: string;
  readonly size: number;
  readonly sha256: string;
  readonly chunk_size: number;
  readonly chunk_count: number;
  /** Base64 of the signature over the firmware; only of a signed release. */
  readonly signature?: string;
}

/** What a device answers. */
export interface PushRequest {
  readonly transfer_id: string;
  readonly device_id: string;
  readonly state: 'missing' | 'complete' | 'failed';
  /** Runs of chunk numbers, both ends included. */
  readonly missing?: readonly ChunkRange[];
  readonly error?: string;
}

export interface PushFacts {
  readonly version: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly chunkBytes: number;
  readonly signature?: string;
}

export interface Chunk {
  readonly transferId: string;
  readonly index: number;
  readonly data: Uint8Array;
}

const checkManifest = defineSchema(manifestSchema);
const checkRequest = defineSchema(requestSchema);

export function buildPushManifest(facts: PushFacts): PushManifest {
  const { version, sizeBytes, sha256, chunkBytes, signature } = facts;
  // A device that refused the transfer without a signature takes it for another one with it.
  const identity = [sha256, version, chunkBytes, ...(signature === undefined ? [] : [signature])];
  return {
    protocol: 'ota-chunks/1',
    transfer_id: createHash('sha256').update(identity.join(':')).digest('hex').slice(0, 16),
    version,
    size: sizeBytes,
    sha256,
    chunk_size: chunkBytes,
    chunk_count: Math.ceil(sizeBytes / chunkBytes),
    ...(signature === undefined ? {} : { signature }),
  };
}

/** Reads a manifest as a device does, before it reserves anything. A text is what is wrong with it. */
export function parsePushManifest(payload: Uint8Array): PushManifest | string {
  const value = parseJson(payload);
  const problems = checkManifest(value);
  if (problems.length > 0) return problems.map(formatProblem).join('; ');
  const manifest = value as PushManifest;
  const count = Math.ceil(manifest.size / manifest.chunk_size);
  return manifest.chunk_count === count
    ? manifest
    : `chunk_count: must be ${count} for these sizes, is ${manifest.chunk_count}`;
}

/** Reads a request, for a transfer of so many chunks. A text is what is wrong with it. */
export function parsePushRequest(payload: Uint8Array, chunkCount: number): PushRequest | string {
  const value = parseJson(payload);
  const problems = checkRequest(value);
  if (problems.length > 0) return problems.map(formatProblem).join('; ');
  const request = value as PushRequest;
  const wrong = request.missing?.find(([first, last]) => first > last || last >= chunkCount);
  return wrong === undefined ? request : `missing: [${wrong.join(', ')}] is no run of chunks`;
}

/**
 * One chunk on the wire: transfer id (8 bytes), index (4, big endian), CRC-32 of those 12 bytes and the data (4, big
 * endian), data.
 */
export function encodeChunk({ transferId, index, data }: Chunk): Buffer {
  const packet = Buffer.allocUnsafe(pushLimits.headerBytes + data.length);
  packet.write(transferId, 0, 'hex');
  packet.writeUInt32BE(index, 8);
  packet.set(data, pushLimits.headerBytes);
  packet.writeUInt32BE(crc32(data, crc32(packet.subarray(0, 12))), 12);
  return packet;
}

/** Reads one chunk; `undefined` when it is too short, or its CRC-32 is wrong. */
export function decodeChunk(payload: Uint8Array): Chunk | undefined {
  if (payload.length <= pushLimits.headerBytes) return;
  const packet = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  const data = packet.subarray(pushLimits.headerBytes);
  if (crc32(data, crc32(packet.subarray(0, 12))) !== packet.readUInt32BE(12)) return;
  return { transferId: packet.toString('hex', 0, 8), index: packet.readUInt32BE(8), data };
}

/** All chunks of a round are sent; who misses some, asks now. */
export function formatPushEnd(manifest: PushManifest, round: number): string {
  return JSON.stringify({ transfer_id: manifest.transfer_id, round });
}

/** Which transfer an end message is about. Round 0 asks before anything is sent. */
export interface PushEnd {
  readonly transferId: string;
  readonly round: number;
}

/** Reads an end message; `undefined` when it is none. */
export function parsePushEnd(payload: Uint8Array): PushEnd | undefined {
  const value = parseJson(payload) as { transfer_id?: unknown; round?: unknown } | null | undefined;
  const { transfer_id: transferId, round } = value ?? {};
  if (typeof transferId !== 'string') return;
  return { transferId, round: typeof round === 'number' ? round : 1 };
}

function parseJson(payload: Uint8Array): unknown {
  if (payload.length > 65_536) return;
  try {
    return JSON.parse(Buffer.from(payload).toString());
  } catch {
    return;
  }
}
