import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  isSignatureFileOf,
  largestSignatureBytes,
  type SignatureFiles,
} from '../core/signing/artifact-signature.ts';

/** Reads the signature files that stand beside an artifact; a file too large to be one reads as empty. */
export async function readSignatureFiles(
  folder: string,
  filename: string,
): Promise<SignatureFiles> {
  const files = new Map<string, Uint8Array>();
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((candidate) => isSignatureFileOf(filename, candidate)).sort()) {
    const path = join(folder, name);
    const { size } = await stat(path);
    files.set(name, size > largestSignatureBytes ? new Uint8Array() : await readFile(path));
  }
  return files;
}
