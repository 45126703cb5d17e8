import { OtaError } from '../../core/errors.ts';
import { fileNameProblem, isSemanticVersion } from '../../core/version.ts';

/** @throws OtaError `name-invalid` for a text that could not be a file's name */
export function requireName(what: string, text: string): void {
  const flaw = fileNameProblem(text);
  if (flaw === undefined) return;
  throw new OtaError('name-invalid', `${what} ${JSON.stringify(text.slice(0, 80))} ${flaw}`, {
    hint: 'Use letters, digits, dots, dashes and underscores.',
  });
}

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
    hint: 'It is the oldest version that may update to this one directly.',
  });
}
