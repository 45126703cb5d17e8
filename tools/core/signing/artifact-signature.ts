import { type PublicKey, shortKeyId } from './key.ts';
import { verifyBytes } from './sign-bytes.ts';

/** The signature files of one artifact, by name. */
export type SignatureFiles = ReadonlyMap<string, Uint8Array>;

/** A signature as it travels in offers: base64 (RFC 4648 §4), padded, without line breaks. */
export function formatSignature(signature: Uint8Array): string {
  return Buffer.from(signature).toString('base64');
}

/** Larger than any signature that we make or accept. */
export const largestSignatureBytes = 1024;

/**
 * Where a key's signature of an artifact goes. Devices look for `<artifact>.sig`, so the first key to sign gets
 * that name; the signatures of further keys carry the first digits of their ids.
 *
 * @returns `undefined` when the key's signature is there already
 */
export function chooseSignatureFile(
  artifactFilename: string,
  publicKey: PublicKey,
  bytes: Uint8Array,
  existing: SignatureFiles,
): string | undefined {
  if ([...existing.values()].some((signature) => verifyBytes(publicKey, bytes, signature))) return;
  const first = `${artifactFilename}.sig`;
  return existing.has(first) ? `${artifactFilename}.${shortKeyId(publicKey.id)}.sig` : first;
}
