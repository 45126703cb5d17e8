import type { Release, ReleaseSignature } from '../release/release.ts';
import { canonicalJson } from './canonical-json.ts';
import type { PublicKey } from './key.ts';
import { verifyBytes } from './sign-bytes.ts';
import { type Trust, type TrustedKey, validityProblem } from './trust.ts';

/**
 * The bytes that a release signature covers: the whole content of ota.json but `signatures`, in canonical form, so
 * that neither white space nor the order of keys counts. It holds the SHA-256 of every artifact.
 *
 * @throws OtaError `manifest-invalid` for text that is not Unicode
 */
export function signedBytes(release: Release): Uint8Array {
  const { signatures: _, ...content } = release;
  return Buffer.from(canonicalJson(content, `release ${release.version}`), 'utf8');
}

/** Makes the entry for ota.json from a signature over `signedBytes`. */
export function toReleaseSignature(
  publicKey: PublicKey,
  signature: Uint8Array,
  signedAt: Date,
): ReleaseSignature {
  return {
    key_id: publicKey.id,
    algorithm: publicKey.algorithm,
    signed_at: signedAt.toISOString().replace(/\.\d{3}Z$/, 'Z'),
    value: Buffer.from(signature).toString('base64'),
  };
}

/** Whether an entry is this key's signature of these bytes. */
export function isSignatureOf(
  entry: ReleaseSignature,
  publicKey: PublicKey,
  bytes: Uint8Array,
): boolean {
  return (
    entry.key_id === publicKey.id &&
    entry.algorithm === publicKey.algorithm &&
    verifyBytes(publicKey, bytes, Buffer.from(entry.value, 'base64'))
  );
}

/** What is to be said of a release's signatures, one entry each. */
export interface SignatureVerdict {
  /** Trusted keys that signed, within their time; a key that signed twice is here once. */
  readonly valid: readonly TrustedKey[];
  /** Signatures of trusted keys that do not match: the release was changed after it was signed. */
  readonly invalid: readonly TrustedKey[];
  /** Good signatures that do not count now, as `<key> has expired at ...`. */
  readonly untimely: readonly string[];
  /** Ids of keys that the product does not list. */
  readonly unknown: readonly string[];
  /** Whether enough trusted keys signed, and nothing is wrong with any of their signatures. */
  readonly sufficient: boolean;
}

/**
 * Judges the signatures of a release. Signatures of unknown keys are no flaw: during a rotation, one side knows
 * keys that the other does not yet, or no longer, know. Nothing is decided by `signed_at`: whoever has a stolen
 * key can write any time there.
 */
export function checkSignatures(release: Release, trust: Trust, now: Date): SignatureVerdict {
  const bytes = signedBytes(release);
  const valid = new Set<TrustedKey>();
  const invalid = new Set<TrustedKey>();
  const untimely = new Set<string>();
  const unknown = new Set<string>();
  for (const entry of release.signatures ?? []) {
    const key = trust.keys.find(({ publicKey }) => publicKey.id === entry.key_id);
    if (key === undefined) unknown.add(entry.key_id);
    else if (!isSignatureOf(entry, key.publicKey, bytes)) invalid.add(key);
    else {
      const flaw = validityProblem(key, now);
      if (flaw === undefined) valid.add(key);
      else untimely.add(`${key.label} ${flaw}`);
    }
  }
  return {
    valid: [...valid],
    invalid: [...invalid],
    untimely: [...untimely],
    unknown: [...unknown],
    sufficient: invalid.size === 0 && trust.keys.length > 0 && valid.size >= trust.threshold,
  };
}
