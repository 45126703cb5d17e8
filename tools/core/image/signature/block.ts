import { createHash } from 'node:crypto';
import { hex, isFilledWith, u8, u32 } from '../bytes.ts';
import { crc32 } from '../checksum.ts';
import { verifyEcdsa, verifyRsaPss } from './verify.ts';

export const signatureBlockBytes = 1216;
/** `ETS_SECURE_BOOT_V2_SIGNATURE_MAGIC`. */
const blockMagic = 0xe7;
const crcOffset = 1196;

export type SignatureAlgorithm = 'rsa3072' | 'ecdsa-p192' | 'ecdsa-p256' | 'ecdsa-p384';

/**
 * One signature of a Secure Boot V2 sector. `digest`, `crc` and `signature` can all be valid and still
 * prove nothing about who signed: compare `keyDigest` with a key that is trusted.
 */
export interface SignatureBlock {
  readonly index: number;
  readonly algorithm: SignatureAlgorithm;
  /** Whether the image digest in the block is that of the file. */
  readonly digest: 'valid' | 'invalid';
  readonly crc: 'valid' | 'invalid';
  /** Verified with the public key that stands in the block. */
  readonly signature: 'valid' | 'invalid';
  /** SHA-256 of the public key as burned into eFuse, lowercase hex. */
  readonly keyDigest: string;
}

/** Offsets inside a block. Source: ESP-IDF `rom/secure_boot.h`, esptool `espsecure`. */
interface Layout {
  readonly algorithm: SignatureAlgorithm;
  readonly hash: 'sha256' | 'sha384';
  readonly digestBytes: number;
  /** What the key digest covers. */
  readonly key: readonly [start: number, end: number];
  verify(block: Uint8Array, payload: Uint8Array): boolean;
}

const rsaLayout: Layout = {
  algorithm: 'rsa3072',
  hash: 'sha256',
  digestBytes: 32,
  key: [36, 812],
  verify: (block, payload) =>
    verifyRsaPss(payload, {
      modulus: block.subarray(36, 420),
      exponent: u32(block, 420),
      signature: block.subarray(812, 1196),
    }),
};

/** ECDSA blocks, by curve id (`ECDSA_CURVE_*`). Smaller curves use the front of the fields. */
const ecdsaLayouts: Readonly<Record<number, Layout>> = {
  1: ecdsaLayout('ecdsa-p192', 'sha256', 24, { key: 36, point: 37, signature: 101, keyEnd: 101 }),
  2: ecdsaLayout('ecdsa-p256', 'sha256', 32, { key: 36, point: 37, signature: 101, keyEnd: 101 }),
  3: ecdsaLayout('ecdsa-p384', 'sha384', 48, { key: 52, point: 53, signature: 149, keyEnd: 149 }),
};

function ecdsaLayout(
  algorithm: Exclude<SignatureAlgorithm, 'rsa3072'>,
  hash: 'sha256' | 'sha384',
  numberBytes: number,
  at: { key: number; point: number; signature: number; keyEnd: number },
): Layout {
  return {
    algorithm,
    hash,
    digestBytes: hash === 'sha256' ? 32 : 48,
    key: [at.key, at.keyEnd],
    verify: (block, payload) =>
      verifyEcdsa(payload, {
        algorithm,
        hash,
        x: block.subarray(at.point, at.point + numberBytes),
        y: block.subarray(at.point + numberBytes, at.point + 2 * numberBytes),
        r: block.subarray(at.signature, at.signature + numberBytes),
        s: block.subarray(at.signature + numberBytes, at.signature + 2 * numberBytes),
      }),
  };
}

/**
 * Reads block `index` of a signature sector, 1216 bytes, and checks it against the payload that it signs.
 * `undefined`: no block, or of a kind that is not known.
 */
export function parseSignatureBlock(
  block: Uint8Array,
  payload: Uint8Array,
  index: number,
): SignatureBlock | undefined {
  const layout = layoutOf(block);
  if (layout === undefined) return undefined;
  const stored = hex(block.subarray(4, 4 + layout.digestBytes));
  const digestMatches = stored === createHash(layout.hash).update(payload).digest('hex');
  return {
    index,
    algorithm: layout.algorithm,
    digest: digestMatches ? 'valid' : 'invalid',
    crc: crc32(block.subarray(0, crcOffset)) === u32(block, crcOffset) ? 'valid' : 'invalid',
    signature: digestMatches && layout.verify(block, payload) ? 'valid' : 'invalid',
    keyDigest: createHash('sha256')
      .update(block.subarray(...layout.key))
      .digest('hex'),
  };
}

function layoutOf(block: Uint8Array): Layout | undefined {
  if (block.length < signatureBlockBytes || u8(block, 0) !== blockMagic) return undefined;
  const [version, hashId] = [u8(block, 1), u8(block, 2)];
  if (version === 2 && isFilledWith(block, 0, 2, 4)) return rsaLayout;
  if (version !== 3) return undefined;
  if (hashId === 0) {
    const curve = u8(block, 36);
    return curve === 3 ? undefined : ecdsaLayouts[curve];
  }
  return hashId === 1 && u8(block, 52) === 3 ? ecdsaLayouts[3] : undefined;
}
