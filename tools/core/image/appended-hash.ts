import { createHash } from 'node:crypto';
import { hex } from './bytes.ts';

export const hashBytes = 32;

/**
 * The SHA-256 behind the checksum. `absent`: the image has none; `missing`: the header promises one and
 * the file ends before its last byte.
 */
export interface HashVerdict {
  readonly status: 'valid' | 'invalid' | 'missing' | 'absent';
  /** Lowercase hex. What esptool calls "validation hash". */
  readonly stored: string | undefined;
  readonly computed: string | undefined;
}

export const hashAbsent: HashVerdict = { status: 'absent', stored: undefined, computed: undefined };

/** Compares the 32 bytes at `offset` with the SHA-256 of everything before them. */
export function verifyHash(bytes: Uint8Array, offset: number): HashVerdict {
  if (offset + hashBytes > bytes.length) return { ...hashAbsent, status: 'missing' };
  const stored = hex(bytes.subarray(offset, offset + hashBytes));
  const computed = createHash('sha256').update(bytes.subarray(0, offset)).digest('hex');
  return { status: stored === computed ? 'valid' : 'invalid', stored, computed };
}
