import { type ErrorJson, errorToJson, OtaError } from '../errors.ts';

/** Something wrong with a file of the workspace. */
export interface Finding extends ErrorJson {
  readonly level: 'error' | 'warning';
  readonly file: string;
  /** The version concerned; absent for the root manifest. */
  readonly version?: string;
}

/** Runs a check and turns the `OtaError` that it throws into a finding; bugs pass through. */
export async function collectFinding(
  findings: Finding[],
  about: { file: string; version?: string },
  check: () => Promise<void> | void,
): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    findings.push({ level: 'error', ...about, ...errorToJson(error) });
  }
}
