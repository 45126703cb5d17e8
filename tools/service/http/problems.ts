import type { FastifyError } from 'fastify';
import { type ErrorCode, errorCodes } from '../../core/error-codes.ts';
import { OtaError } from '../../core/errors.ts';

/** RFC 9457, with the code and hint of our errors. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** A text; on the seeds' endpoints a list when a request breaks its schema, as their clients expect. */
  readonly detail: unknown;
  readonly code: ErrorCode;
  readonly hint?: string;
  readonly errors?: readonly string[];
}

const statusByCode: Partial<Record<ErrorCode, number>> = {
  'request-invalid': 422,
  'audience-invalid': 422,
  'name-invalid': 422,
  'version-invalid': 422,
  'device-unknown': 404,
  'release-unknown': 404,
  'rollout-unknown': 404,
  'key-unknown': 404,
  'token-unknown': 404,
  'not-found': 404,
  'upload-unknown': 400,
  'upload-mismatch': 400,
  'upload-rejected': 422,
  'signature-missing': 422,
  'signature-invalid': 422,
  'key-invalid': 422,
  'key-unsupported': 422,
  'upload-too-large': 413,
  'release-exists': 409,
  'release-in-use': 409,
  'rollout-exists': 409,
  'rollout-state': 409,
  'key-exists': 409,
  'transition-illegal': 409,
  unauthorized: 401,
  forbidden: 403,
  'link-invalid': 403,
  'rate-limited': 429,
  'range-invalid': 416,
  'artifact-missing': 404,
  'database-failed': 503,
  'disk-full': 507,
};

/** What is thrown, as an answer. Nothing of an unforeseen failure leaves the house. */
export function toProblem(error: unknown, seedFace: boolean): ProblemBody {
  if (error instanceof OtaError) {
    const { code, hint, details } = error;
    return {
      ...frame(code, statusByCode[code] ?? 500),
      detail: error.message,
      ...(hint === undefined ? {} : { hint }),
      ...(details.length === 0 ? {} : { errors: details }),
    };
  }
  const { validation, validationContext, statusCode } = error as Partial<FastifyError>;
  if (validation !== undefined) {
    const where = validationContext ?? 'body';
    const lines = validation.map(({ instancePath, message }) =>
      `${where}${instancePath} ${message ?? ''}`.trim(),
    );
    const list = validation.map(({ instancePath, message, params, keyword }) => ({
      loc: [where, ...instancePath.split('/').slice(1), ...missingKey(params)],
      msg: message ?? '',
      type: keyword,
    }));
    return {
      ...frame('request-invalid', 422),
      detail: seedFace ? list : lines.join('; '),
      errors: lines,
    };
  }
  if (statusCode === 413)
    return { ...frame('upload-too-large', 413), detail: 'the body is too large' };
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return { ...frame('request-invalid', statusCode), detail: (error as Error).message };
  return { ...frame('internal', 500), detail: 'the service failed; its log says why' };
}

function frame(code: ErrorCode, status: number) {
  return {
    type: `https://esp-ota-toolkit.dev/errors/${code}`,
    title: errorCodes[code].meaning,
    status,
    code,
  };
}

function missingKey(params: Record<string, unknown>): string[] {
  return typeof params.missingProperty === 'string' ? [params.missingProperty] : [];
}
