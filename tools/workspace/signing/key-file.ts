import { readFile, stat } from 'node:fs/promises';
import { OtaError } from '../../core/errors.ts';

/** No PEM file of one key is that large. */
const largestBytes = 64 * 1024;

/**
 * Reads the text of a PEM file. It is not looked into: see `parsePrivateKey` and `parsePublicKey`.
 *
 * @throws OtaError `key-unreadable`
 */
export async function readKeyText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size <= largestBytes) return await readFile(path, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new OtaError('key-unreadable', `cannot read the key ${path} (${code})`, {
      cause,
      hint:
        code === 'ENOENT'
          ? 'Correct the path, or make a key with `ota keygen`.'
          : 'Check the permissions.',
    });
  }
  throw new OtaError('key-unreadable', `${path} is larger than any key`, {
    hint: 'Give the PEM file of one key.',
  });
}
