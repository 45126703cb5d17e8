import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';

/** Length of every key and hash: X25519, ChaCha20, SHA-256. */
export const noiseKeyBytes = 32;
export const noiseTagBytes = 16;

const algorithm = 'chacha20-poly1305';
const cipherOptions = { authTagLength: noiseTagBytes } as const;

/** ChaCha20-Poly1305: ciphertext, then the tag. */
export function seal(
  key: Uint8Array,
  counter: bigint,
  plaintext: Uint8Array,
  data?: Uint8Array,
): Buffer {
  const cipher = createCipheriv(algorithm, key, nonceOf(counter), cipherOptions);
  if (data !== undefined) cipher.setAAD(data, { plaintextLength: plaintext.length });
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** Throws when the tag does not fit. */
export function unseal(
  key: Uint8Array,
  counter: bigint,
  sealed: Uint8Array,
  data?: Uint8Array,
): Buffer {
  const length = sealed.length - noiseTagBytes;
  if (length < 0) throw new Error('shorter than its tag');
  const decipher = createDecipheriv(algorithm, key, nonceOf(counter), cipherOptions);
  if (data !== undefined) decipher.setAAD(data, { plaintextLength: length });
  decipher.setAuthTag(sealed.subarray(length));
  return Buffer.concat([decipher.update(sealed.subarray(0, length)), decipher.final()]);
}

/** Noise 12.3: 32 zero bits, then the counter, 64 bits little endian. */
function nonceOf(counter: bigint): Uint8Array {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64LE(counter, 4);
  return nonce;
}

/** Noise 4.3, HKDF: it is RFC 5869 with the chaining key as salt and no info. */
export function deriveKeys(
  salt: Uint8Array,
  material: Uint8Array,
  count: 2,
): [Uint8Array, Uint8Array];
export function deriveKeys(
  salt: Uint8Array,
  material: Uint8Array,
  count: 3,
): [Uint8Array, Uint8Array, Uint8Array];
export function deriveKeys(salt: Uint8Array, material: Uint8Array, count: 2 | 3): Uint8Array[] {
  const bytes = Buffer.from(hkdfSync('sha256', material, salt, '', count * noiseKeyBytes));
  return [0, 32, 64].slice(0, count).map((offset) => bytes.subarray(offset, offset + 32));
}

export function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** RFC 8410: what stands before the 32 raw bytes of an X25519 key in PKCS #8 and in SPKI. */
const secretPrefix = Buffer.from('302e020100300506032b656e04220420', 'hex');
const publicPrefix = Buffer.from('302a300506032b656e032100', 'hex');

export function importSecret(raw: Uint8Array): KeyObject {
  const key = Buffer.concat([secretPrefix, raw]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

export function importPublic(raw: Uint8Array): KeyObject {
  const key = Buffer.concat([publicPrefix, raw]);
  return createPublicKey({ key, format: 'der', type: 'spki' });
}

export function exportPublic(key: KeyObject): Uint8Array {
  return key.export({ format: 'der', type: 'spki' }).subarray(publicPrefix.length);
}
