import { OtaError } from '../../core/errors.ts';
import type { Io } from '../io.ts';

/**
 * The time to write into files: `SOURCE_DATE_EPOCH` (seconds since 1970, reproducible-builds.org) or now.
 *
 * @throws OtaError `usage` when the variable is not a whole number of seconds
 */
export function sourceDate(io: Io): Date {
  const seconds = io.env.SOURCE_DATE_EPOCH;
  if (seconds === undefined || seconds === '') return io.now();
  const date = new Date(Number(seconds) * 1000);
  if (/^\d+$/.test(seconds) && !Number.isNaN(date.getTime())) return date;
  throw new OtaError('usage', `SOURCE_DATE_EPOCH is "${seconds}", not a number of seconds`, {
    hint: 'Unset it, or set it as in: SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)',
  });
}
