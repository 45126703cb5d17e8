import { sign, verify } from 'node:crypto';
import { algorithms } from './algorithm.ts';
import type { PublicKey, SigningKey } from './key.ts';

/**
 * Signs bytes, to the letter as `openssl` does: `dgst -sha256 -sign` for RSA (PKCS#1 v1.5) and ECDSA (DER),
 * `pkeyutl -sign -rawin` for Ed25519.
 */
export function signBytes({ privateKey, publicKey }: SigningKey, bytes: Uint8Array): Uint8Array {
  return sign(digestOf(publicKey), bytes, privateKey);
}

/** Whether a signature of these bytes was made by the key. Never throws, whatever the signature holds. */
export function verifyBytes(
  publicKey: PublicKey,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    return verify(digestOf(publicKey), bytes, publicKey.key, signature);
  } catch {
    return false; // OpenSSL throws for some malformed signatures, and returns false for others
  }
}

function digestOf({ algorithm }: PublicKey): 'sha256' | undefined {
  return algorithms.find(({ name }) => name === algorithm)?.digest;
}
