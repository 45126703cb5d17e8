import { OtaError } from '../errors.ts';
import type { SigningPolicy, TrustedKeyEntry } from '../release/manifest.ts';
import { type PublicKey, parsePublicKey, shortKeyId } from './key.ts';

/** A public key whose signatures count, within its time. */
export interface TrustedKey {
  readonly publicKey: PublicKey;
  /** The name that the manifest gives it, else the first digits of its id. */
  readonly label: string;
  readonly notBefore: Date | undefined;
  readonly notAfter: Date | undefined;
}

/** Whom a product trusts to sign its releases. */
export interface Trust {
  readonly keys: readonly TrustedKey[];
  /** How many different keys must have signed. */
  readonly threshold: number;
  /** Whether a release without enough signatures is refused. */
  readonly required: boolean;
}

/** A product without `signing`: nobody is trusted, nothing is demanded. */
export const noTrust: Trust = { keys: [], threshold: 1, required: false };

/**
 * Makes the trust from `product.signing`.
 *
 * @param pemOf the PEM of an entry: its own text, or that of its file
 * @throws OtaError `key-invalid`, `key-unsupported`, `key-mismatch`
 */
export function parseTrust(
  policy: SigningPolicy,
  pemOf: (entry: TrustedKeyEntry) => string,
): Trust {
  return {
    keys: policy.keys.map((entry, index) =>
      parseTrustedKey(entry, pemOf(entry), `product.signing.keys[${index}]`),
    ),
    threshold: policy.threshold ?? 1,
    required: policy.required ?? false,
  };
}

function parseTrustedKey(entry: TrustedKeyEntry, pem: string, place: string): TrustedKey {
  const where = entry.path === undefined ? place : `${place} (${entry.path})`;
  const publicKey = parsePublicKey(pem, where);
  if (publicKey.id !== entry.id) {
    throw new OtaError(
      'key-mismatch',
      `${where} says id ${entry.id}, but its key has ${publicKey.id}`,
      {
        hint: 'Somebody replaced the key or mistyped the id. Compare with the id that `ota keygen` printed.',
      },
    );
  }
  return {
    publicKey,
    label: entry.name ?? shortKeyId(entry.id),
    notBefore: entry.not_before === undefined ? undefined : new Date(entry.not_before),
    notAfter: entry.not_after === undefined ? undefined : new Date(entry.not_after),
  };
}

/** Why a key's signatures do not count at this time, or `undefined` when they do. */
export function validityProblem(
  { notBefore, notAfter }: TrustedKey,
  now: Date,
): string | undefined {
  if (notBefore !== undefined && now < notBefore)
    return `is not valid before ${notBefore.toISOString()}`;
  if (notAfter !== undefined && now >= notAfter) return `has expired at ${notAfter.toISOString()}`;
  return;
}

/**
 * Refuses to sign with a key that nobody would accept. A product that lists no keys takes any.
 *
 * @throws OtaError `key-untrusted`, `key-expired`
 */
export function requireUsable({ id }: PublicKey, trust: Trust, now: Date): void {
  if (trust.keys.length === 0) return;
  const key = trust.keys.find(({ publicKey }) => publicKey.id === id);
  if (key === undefined) {
    throw new OtaError('key-untrusted', `the product does not trust the key ${id}`, {
      hint: `It trusts ${trust.keys.map(({ label }) => label).join(', ')}. A new key goes into product.signing.keys first.`,
    });
  }
  const flaw = validityProblem(key, now);
  if (flaw === undefined) return;
  throw new OtaError('key-expired', `the key ${key.label} ${flaw}`, {
    hint: 'Sign with a key that is valid now, or correct not_before and not_after in product.signing.keys.',
  });
}
