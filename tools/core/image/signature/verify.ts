import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { reversed } from '../bytes.ts';

/** Numbers as they stand in a signature block: little-endian. */
interface RsaSignature {
  readonly modulus: Uint8Array;
  readonly exponent: number;
  readonly signature: Uint8Array;
}

interface EcdsaSignature {
  readonly algorithm: 'ecdsa-p192' | 'ecdsa-p256' | 'ecdsa-p384';
  readonly hash: 'sha256' | 'sha384';
  readonly x: Uint8Array;
  readonly y: Uint8Array;
  readonly r: Uint8Array;
  readonly s: Uint8Array;
}

/** RSA-PSS with SHA-256 and 32 bytes of salt, as the boot ROM checks it (`ets_rsa_pss_verify`). */
export function verifyRsaPss(payload: Uint8Array, block: RsaSignature): boolean {
  return holds(() => {
    const exponent = Buffer.alloc(4);
    exponent.writeUInt32BE(block.exponent);
    const key = createPublicKey({
      format: 'jwk',
      key: {
        kty: 'RSA',
        n: base64url(reversed(block.modulus)),
        e: base64url(exponent),
      },
    });
    const options = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    return verify('sha256', payload, options, reversed(block.signature));
  });
}

/**
 * SubjectPublicKeyInfo up to the uncompressed point (RFC 5480 §2), by curve. A JWK would not do: it has no
 * name for P-192.
 */
const spkiPrefixes = {
  'ecdsa-p192': '3049301306072a8648ce3d020106082a8648ce3d03010103320004',
  'ecdsa-p256': '3059301306072a8648ce3d020106082a8648ce3d03010703420004',
  'ecdsa-p384': '3076301006072a8648ce3d020106052b8104002203620004',
} as const;

export function verifyEcdsa(payload: Uint8Array, block: EcdsaSignature): boolean {
  return holds(() => {
    const prefix = Buffer.from(spkiPrefixes[block.algorithm], 'hex');
    const der = Buffer.concat([prefix, reversed(block.x), reversed(block.y)]);
    const key: KeyObject = createPublicKey({ key: der, format: 'der', type: 'spki' });
    const signature = Buffer.concat([reversed(block.r), reversed(block.s)]);
    return verify(block.hash, payload, { key, dsaEncoding: 'ieee-p1363' }, signature);
  });
}

/** A key that OpenSSL refuses (a point off the curve, an even modulus) verifies nothing. */
function holds(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
