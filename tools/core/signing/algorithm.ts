import type { KeyObject } from 'node:crypto';

/** The signature schemes that we make and accept, by the name that stands in ota.json. */
export type AlgorithmName = 'ed25519' | 'ecdsa-p256-sha256' | 'rsa-pkcs1-sha256';

export interface Algorithm {
  readonly name: AlgorithmName;
  /** What `ota keygen --algorithm` calls it. */
  readonly keyName: string;
  /** Digest given to `node:crypto`; Ed25519 hashes by itself (RFC 8032 §5.1). */
  readonly digest: 'sha256' | undefined;
  /** The `openssl` command that checks `<artifact>.sig`, with PUBLIC, SIGNATURE and FILE to fill in. */
  readonly opensslVerify: string;
}

const dgst = 'openssl dgst -sha256 -verify PUBLIC -signature SIGNATURE FILE';

export const algorithms: readonly Algorithm[] = [
  // FIPS 186-5 §6; the signature is DER, as `openssl dgst -sign` writes it.
  { name: 'ecdsa-p256-sha256', keyName: 'ecdsa-p256', digest: 'sha256', opensslVerify: dgst },
  // RFC 8017 §8.2, RSASSA-PKCS1-v1_5: what mbedtls_rsa_pkcs1_verify checks.
  { name: 'rsa-pkcs1-sha256', keyName: 'rsa-3072', digest: 'sha256', opensslVerify: dgst },
  // RFC 8032, pure Ed25519.
  {
    name: 'ed25519',
    keyName: 'ed25519',
    digest: undefined,
    opensslVerify:
      'openssl pkeyutl -verify -rawin -pubin -inkey PUBLIC -sigfile SIGNATURE -in FILE',
  },
];

/** Shorter RSA keys are too weak; longer ones are more than an ESP32's RSA unit takes (4096 bits). */
const rsaBits = { lowest: 2048, highest: 4096 } as const;

/** The scheme that goes with a key, or `undefined` for a kind of key that we do not take. */
export function algorithmOf(key: KeyObject): AlgorithmName | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519') return 'ed25519';
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return 'ecdsa-p256-sha256';
  const bits = details?.modulusLength ?? 0;
  if (type === 'rsa' && bits >= rsaBits.lowest && bits <= rsaBits.highest) {
    return 'rsa-pkcs1-sha256';
  }
  return;
}

/** The kind of a key in a few words: `ec secp384r1`, `rsa 1024`. */
export function describeKey(key: KeyObject): string {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  return [key.asymmetricKeyType, namedCurve ?? modulusLength].filter(Boolean).join(' ');
}
