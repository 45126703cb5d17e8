import { OtaError } from '../errors.ts';
import {
  compareVersions,
  fileNameProblem,
  isSemanticVersion,
  versionIdProblem,
} from '../version.ts';

/** @throws OtaError `version-invalid` when the id cannot be a folder's name */
export function requireVersionId(id: string): void {
  const flaw = versionIdProblem(id);
  if (flaw === undefined) return;
  throw new OtaError('version-invalid', `version ${JSON.stringify(id)} ${flaw}`, {
    hint: 'A version becomes a folder: use something like 1.2.3 or 1.2.3-rc.1, at most 128 bytes.',
  });
}

const floorHint = 'It is the oldest version that may update to this one directly.';

/**
 * A floor of another kind than the versions would hold nobody back: semantic versions are newer than all other texts.
 *
 * @throws OtaError `version-invalid`
 */
export function requireFloor(minVersion: string | null | undefined, version: string): void {
  if (minVersion === undefined || minVersion === null) return;
  if (isSemanticVersion(minVersion) || !isSemanticVersion(version)) return;
  const floor = JSON.stringify(minVersion.slice(0, 80));
  throw new OtaError('version-invalid', `the minimum version ${floor} is no version like 1.2.3`, {
    hint: floorHint,
  });
}

/** @throws OtaError `version-invalid` when the floor is no version, or above the version itself: nobody could update */
export function requireMinVersion(minVersion: string | undefined, version: string): void {
  if (minVersion === undefined) return;
  requireVersionId(minVersion);
  requireFloor(minVersion, version);
  if (compareVersions(minVersion, version) <= 0) return;
  throw new OtaError(
    'version-invalid',
    `--min-version ${minVersion} is newer than ${version} itself`,
    { hint: floorHint },
  );
}

/** `ota.json` is the release manifest itself. */
const reserved = new Set(['ota.json']);

/**
 * @param option the flag that the name comes from, for the message
 * @throws OtaError `name-invalid`
 */
export function requireFileName(name: string, option: string): void {
  const flaw = reserved.has(name.toLowerCase())
    ? 'is taken by the release manifest'
    : fileNameProblem(name);
  if (flaw === undefined) return;
  throw new OtaError('name-invalid', `artifact name ${JSON.stringify(name)} ${flaw}`, {
    hint: `Choose another with ${option}; it is a single file name such as gateway-1.2.3.bin.`,
  });
}
