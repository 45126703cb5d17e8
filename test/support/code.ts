import { OtaError } from '../../tools/core/errors.ts';

/** The code of the `OtaError` that is thrown; other errors pass through, and no error is `undefined`. */
export function code(run: () => unknown): string | undefined {
  try {
    run();
    return;
  } catch (error) {
    if (error instanceof OtaError) return error.code;
    throw error;
  }
}

/** The `OtaError` that a promise ends with; anything else fails the test. */
export async function rejection(promise: Promise<unknown>): Promise<OtaError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof OtaError) return outcome;
  throw outcome ?? new Error('expected an OtaError, but nothing was thrown');
}
