import { OtaError } from '../errors.ts';
import { sameJson } from '../json.ts';
import type { Release } from './release.ts';

/** Whether a release carries signatures: then its content never changes again. */
export function isSealed(release: Release): boolean {
  return (release.signatures?.length ?? 0) > 0;
}

/**
 * Stops whatever would change a signed release: devices may have it, and what was signed is not what they would
 * get. There is no option against this.
 *
 * @throws OtaError `release-sealed`, naming the keys of ota.json that would change
 */
export function requireUnsealed(existing: Release | undefined, candidate: Release): void {
  if (existing === undefined || !isSealed(existing)) return;
  const before = new Map(Object.entries(existing));
  const after = new Map(Object.entries(candidate));
  const keys = [...new Set([...before.keys(), ...after.keys()])];
  throw new OtaError(
    'release-sealed',
    `version ${existing.version} is signed and cannot be changed`,
    {
      details: keys
        .filter((key) => !sameJson(before.get(key), after.get(key)))
        .map((key) => `${key} would change`),
      hint: 'Package under a new version. Packaging the same bytes with the same options is no change.',
    },
  );
}
