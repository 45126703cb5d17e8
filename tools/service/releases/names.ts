import { OtaError } from '../../core/errors.ts';
import { fileNameProblem } from '../../core/version.ts';

/** @throws OtaError `name-invalid` for a text that could not be a file's name */
export function requireName(what: string, text: string): void {
  const flaw = fileNameProblem(text);
  if (flaw === undefined) return;
  throw new OtaError('name-invalid', `${what} ${JSON.stringify(text.slice(0, 80))} ${flaw}`, {
    hint: 'Use letters, digits, dots, dashes and underscores.',
  });
}
