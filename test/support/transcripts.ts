import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sharedFolder } from './shared.ts';

/** Bytes that one side sent before the other answered. */
export interface Turn {
  readonly from: 'client' | 'device';
  readonly lengthBytes: number;
  /** The bytes; of long turns only the beginning is recorded. */
  readonly head: Buffer;
}

export const transcriptFolder: string | undefined = folderOf(sharedFolder());

function folderOf(shared: string | undefined): string | undefined {
  return shared === undefined ? undefined : join(shared, 'reference/esphome-transcripts');
}

/** Reads a session recorded between real firmware code and its own uploader. */
export function readTranscript(name: string): Turn[] {
  const text = readFileSync(join(transcriptFolder ?? '', `${name}.txt`), 'utf8');
  return [...text.matchAll(/^([CD])>\s+(\d+)\s+([0-9a-f]+)/gm)].map((match) => ({
    from: match[1] === 'C' ? 'client' : 'device',
    lengthBytes: Number(match[2]),
    head: Buffer.from(match[3] ?? '', 'hex'),
  }));
}

/** The image of all recorded sessions. */
export const recordedImage: Buffer = Buffer.from(
  Uint8Array.from({ length: 20_000 }, (_, index) => (7 * index) & 255),
);

/** The Noise key of all recorded sessions. */
export const recordedKey: Buffer = Buffer.from(
  Uint8Array.from({ length: 32 }, (_, index) => index),
);

export const recordedPassword = 's3cret';
