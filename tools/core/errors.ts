import { type ErrorCode, errorCodes } from './error-codes.ts';

export interface OtaErrorOptions {
  /** What to do next, in one or two sentences. Never holds a secret. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** One line each, when there are several findings (all schema problems of a file, say). */
  readonly details?: readonly string[];
}

/**
 * A failure that was foreseen. The message says what happened and names the offending value and its
 * place; the hint says what to do. Anything thrown that is not an `OtaError` is a bug (exit 70).
 */
export class OtaError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: readonly string[];

  constructor(code: ErrorCode, message: string, options: OtaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'OtaError';
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? [];
  }
}

/** What work throws that ends because its signal was aborted. */
export function cancelledError(): OtaError {
  return new OtaError('cancelled', 'stopped before it was done');
}

/** The exit status that belongs to a thrown value: 70 for anything that is not an `OtaError`. */
export function exitCodeOf(error: unknown): number {
  return error instanceof OtaError ? errorCodes[error.code].exit : 70;
}

/** The JSON form of an error, the same in reports, `--json` output and the service's answers. */
export interface ErrorJson {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly details?: readonly string[];
}

/** Turns a thrown value into its JSON form. A value that is not an `OtaError` becomes `internal`. */
export function errorToJson(error: unknown): ErrorJson {
  if (!(error instanceof OtaError)) {
    return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
  }
  return {
    code: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.details.length === 0 ? {} : { details: error.details }),
  };
}
