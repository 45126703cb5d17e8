import { OtaError } from '../errors.ts';
import type { Release } from '../release/release.ts';
import { shortKeyId } from './key.ts';
import { checkSignatures, type SignatureVerdict } from './release-signature.ts';
import type { Trust } from './trust.ts';

/**
 * Refuses a release that the product would not accept: one that was changed after a trusted key signed it
 * (whether signatures are required or not), and, where they are, one with too few of them.
 *
 * @returns what was found, for reports
 * @throws OtaError `signature-invalid`, `signature-missing` with all reasons
 */
export function requireSigned(release: Release, trust: Trust, now: Date): SignatureVerdict {
  const verdict = checkSignatures(release, trust, now);
  if (verdict.invalid.length > 0) {
    throw new OtaError(
      'signature-invalid',
      `release ${release.version} was changed after it was signed`,
      {
        details: verdict.invalid.map(({ label }) => `the signature of ${label} does not match`),
        hint: 'Restore ota.json from where it was signed. A changed release needs a new version.',
      },
    );
  }
  if (trust.required && !verdict.sufficient) {
    throw new OtaError(
      'signature-missing',
      `release ${release.version} is not signed as the product demands`,
      {
        details: explain(verdict, trust),
        hint: `Sign it: ota sign --version ${release.version} --key FILE`,
      },
    );
  }
  return verdict;
}

/** The same refusal for a firmware file that no release holds, so that nobody can have signed it. */
export function unsignedFile(filename: string, trust: Trust): OtaError {
  const nobody = { valid: [], invalid: [], untimely: [], unknown: [], sufficient: false };
  return new OtaError(
    'signature-missing',
    `${filename} is not signed as the product demands: it belongs to no release`,
    {
      details: explain(nobody, trust),
      hint: 'Package it with --update-manifest. Then sign it: ota sign --version VERSION --key FILE',
    },
  );
}

/** Why signatures do not suffice, one reason a line. */
export function explain(verdict: SignatureVerdict, { keys, threshold }: Trust): string[] {
  const names = keys.map(({ label }) => label).join(', ');
  const found = verdict.valid.map(({ label }) => label).join(', ') || 'none';
  return [
    `needs signatures of ${threshold} of these keys: ${names}; has ${found}`,
    ...verdict.untimely.map((reason) => `the key ${reason}`),
    ...verdict.unknown.map(
      (id) => `the key ${shortKeyId(id)} signed, but the product does not trust it`,
    ),
  ];
}
