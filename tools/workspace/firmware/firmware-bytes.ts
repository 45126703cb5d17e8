import { readFile } from 'node:fs/promises';
import { OtaError } from '../../core/errors.ts';
import { binaryFailure, fileSize } from './binary.ts';

/** No flash of an ESP holds more; larger files are refused before a byte is read. */
export const largestFirmwareBytes = 256 * 1024 * 1024;

/**
 * Reads a file that may be firmware, all bytes at once. Empty files are fine.
 *
 * @throws OtaError `binary-missing`, `binary-not-a-file`, `binary-unreadable`, `file-too-large`
 */
export async function readFirmwareBytes(path: string): Promise<Uint8Array> {
  const sizeBytes = await fileSize(path);
  if (sizeBytes > largestFirmwareBytes) {
    throw new OtaError(
      'file-too-large',
      `${path} has ${sizeBytes} bytes; at most ${largestFirmwareBytes} are read`,
      { hint: 'Give a firmware image, not a disk image or an archive.' },
    );
  }
  return await readFile(path).catch((cause) => {
    throw binaryFailure(path, cause);
  });
}
