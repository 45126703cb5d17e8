import { errorToJson, OtaError } from '../../core/errors.ts';
import { failed, type HealthCheck } from '../../core/health/check.ts';

/** Takes what was found, line by line. */
export type Add = (...found: readonly HealthCheck[]) => void;

/** A failure in the words of the error. Anything but an `OtaError` is a bug and passes through. */
export function fromError(name: string, error: unknown): HealthCheck {
  if (!(error instanceof OtaError) || error.code === 'cancelled') throw error;
  const { message, hint, details = [] } = errorToJson(error);
  return failed(name, [message, ...details].join('; '), hint ?? 'See the message.');
}
