import { constants, createHash, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { alignUp } from '../../tools/core/image/bytes.ts';
import { crc32 } from '../../tools/core/image/checksum.ts';

const blockBytes = 1216;

/** Appends a Secure Boot V2 signature sector with one block for each key, as `espsecure sign-data` does. */
export function signImage(image: Uint8Array, keys: readonly KeyObject[]): Uint8Array {
  const payload = Buffer.alloc(alignUp(image.length, 4096), 0xff);
  payload.set(image);
  const sector = Buffer.alloc(4096, 0xff);
  keys.forEach((key, index) => {
    sector.set(signatureBlock(payload, key), index * blockBytes);
  });
  return Uint8Array.from(Buffer.concat([payload, sector]));
}

export function signatureBlock(payload: Uint8Array, key: KeyObject): Uint8Array {
  return withCrc(key.asymmetricKeyType === 'rsa' ? rsaBlock(payload, key) : ecBlock(payload, key));
}

/** Refreshes the CRC of a block. */
export function withCrc(block: Uint8Array): Uint8Array {
  const copy = Buffer.from(block);
  copy.writeUInt32LE(crc32(copy.subarray(0, 1196)), 1196);
  return copy;
}

function rsaBlock(payload: Uint8Array, key: KeyObject): Buffer {
  const block = Buffer.alloc(blockBytes);
  const { n = '', e = '' } = createPublicKey(key).export({ format: 'jwk' });
  const modulus = BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`);
  const word = 1n << 32n;
  block.set([0xe7, 0x02], 0);
  block.set(createHash('sha256').update(payload).digest(), 4);
  block.set(littleEndian(modulus, 384), 36);
  block.set(littleEndian(BigInt(`0x${Buffer.from(e, 'base64url').toString('hex')}`), 4), 420);
  block.set(littleEndian(2n ** 6144n % modulus, 384), 424);
  block.set(littleEndian((word - inverse(modulus % word, word)) % word, 4), 808);
  const options = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  block.set(sign('sha256', payload, options).reverse(), 812);
  return block;
}

const curves = {
  'P-192': { id: 1, numberBytes: 24 },
  'P-256': { id: 2, numberBytes: 32 },
  'P-384': { id: 3, numberBytes: 48 },
} as const;

function ecBlock(payload: Uint8Array, key: KeyObject): Buffer {
  const block = Buffer.alloc(blockBytes);
  const { id, numberBytes } = curves[curveOf(key)];
  const hash = id === 3 ? 'sha384' : 'sha256';
  const keyAt = id === 3 ? 52 : 36;
  const fieldBytes = id === 3 ? 96 : 64;
  block.set([0xe7, 0x03, id === 3 ? 1 : 0], 0);
  block.set(createHash(hash).update(payload).digest(), 4);
  block[keyAt] = id;
  // The uncompressed point is the end of the SubjectPublicKeyInfo.
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const point = spki.subarray(spki.length - 2 * numberBytes);
  const signature = sign(hash, payload, { key, dsaEncoding: 'ieee-p1363' });
  block.set(bothReversed(point, numberBytes), keyAt + 1);
  block.set(bothReversed(signature, numberBytes), keyAt + 1 + fieldBytes);
  return block;
}

function curveOf(key: KeyObject): keyof typeof curves {
  const name = key.asymmetricKeyDetails?.namedCurve;
  return name === 'secp384r1' ? 'P-384' : name === 'prime192v1' ? 'P-192' : 'P-256';
}

function bothReversed(pair: Uint8Array, numberBytes: number): Uint8Array {
  return Buffer.concat([pair.slice(0, numberBytes).reverse(), pair.slice(numberBytes).reverse()]);
}

function littleEndian(value: bigint, sizeBytes: number): Uint8Array {
  return Buffer.from(value.toString(16).padStart(sizeBytes * 2, '0'), 'hex').reverse();
}

/** Inverse of an odd number modulo a power of two (Newton's iteration). */
function inverse(value: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let round = 0; round < 6; round += 1) {
    result = (((result * (2n - value * result)) % modulus) + modulus) % modulus;
  }
  return result;
}
