import { readFile, stat } from 'node:fs/promises';
import { OtaError } from '../../core/errors.ts';

/** No flash of an ESP holds more; larger files are refused before a byte is read. */
export const largestFirmwareBytes = 256 * 1024 * 1024;

/**
 * Reads a file that may be firmware, all bytes at once. Empty files are fine.
 *
 * @throws OtaError `binary-missing`, `binary-not-a-file`, `binary-unreadable`, `file-too-large`
 */
export async function readFirmwareBytes(path: string): Promise<Uint8Array> {
  try {
    const found = await stat(path);
    if (!found.isFile()) {
      const what = found.isDirectory() ? 'a folder' : 'not a file';
      throw new OtaError('binary-not-a-file', `${path} is ${what}`, {
        hint: 'Give the .bin file itself, such as build/<project>.bin.',
      });
    }
    if (found.size > largestFirmwareBytes) {
      throw new OtaError(
        'file-too-large',
        `${path} has ${found.size} bytes; at most ${largestFirmwareBytes} are read`,
        { hint: 'Give a firmware image, not a disk image or an archive.' },
      );
    }
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof OtaError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new OtaError('binary-missing', `there is no file ${path}`, {
        cause,
        hint: 'Correct the path, or build first (`idf.py build`).',
      });
    }
    throw new OtaError('binary-unreadable', `cannot read ${path} (${code})`, {
      cause,
      hint: 'Check the permissions of the file and its folders.',
    });
  }
}
