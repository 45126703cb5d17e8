import fs from 'fs-extra';
import type { Fingerprint } from '../../core/integrity.ts';
import { readBinary } from './binary.ts';

/**
 * Copies a file into an open descriptor and hashes it in the same pass.
 *
 * @throws OtaError `binary-missing`, `binary-unreadable`, `binary-changed`
 */
export async function copyBinary(path: string, fd: number): Promise<Fingerprint> {
  return readBinary(path, async (chunk) => {
    for (let written = 0; written < chunk.length; ) {
      written += (await fs.write(fd, chunk, written)).bytesWritten;
    }
  });
}
