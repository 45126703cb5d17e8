import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { OtaError } from '../../core/errors.ts';
import {
  largestSignatureBytes,
  type SignatureFiles,
} from '../../core/signing/artifact-signature.ts';
import { isSignatureFileOf } from '../../core/signing/signature-name.ts';
import { signatureText } from '../../core/signing/signature-text.ts';
import { namesIn } from '../folder.ts';

/** The signature that devices look for, `<artifact>.sig`, as it travels in offers; when it is there. */
export async function readSignature(folder: string, filename: string): Promise<string | undefined> {
  const signature = (await readSignatureFiles(folder, filename)).get(`${filename}.sig`);
  return signature === undefined || signature.length === 0 ? undefined : signatureText(signature);
}

/**
 * The signature in a file that somebody names, as base64.
 *
 * @throws OtaError `usage` when it cannot be read, or is none
 */
export async function readSignatureText(path: string): Promise<string> {
  const content = await stat(path)
    // Base64, with its line breaks.
    .then(({ size }) => (size <= 2 * largestSignatureBytes ? readFile(path) : undefined))
    .catch(() => undefined);
  if (content !== undefined && content.length > 0) return signatureText(content);
  throw new OtaError('usage', `${path} holds no signature`, {
    hint: 'Name the file that `ota sign` or `openssl dgst -sha256 -sign` has written.',
  });
}

/** Reads the signature files that stand beside an artifact; a file too large to be one reads as empty. */
export async function readSignatureFiles(
  folder: string,
  filename: string,
): Promise<SignatureFiles> {
  const files = new Map<string, Uint8Array>();
  for (const name of await namesIn(folder)) {
    if (!isSignatureFileOf(filename, name)) continue;
    const path = join(folder, name);
    const { size } = await stat(path);
    files.set(name, size > largestSignatureBytes ? new Uint8Array() : await readFile(path));
  }
  return files;
}
