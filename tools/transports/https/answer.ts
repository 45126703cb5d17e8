import { displayText } from '../../core/display-text.ts';
import { DeliveryFailure } from '../../core/release/delivery.ts';

/** What a server said. */
export interface HttpAnswer {
  readonly status: number;
  /** The server's own name for the status; may be empty. */
  readonly reason: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The start of the body. */
  readonly text: string;
}

/** RFC 9110 §15.5: what to do about a status, where it is plain enough. */
const hints: Readonly<Record<number, string>> = {
  401: 'Check the credentials in `headers` or in the URL.',
  403: 'These credentials are known, but may not do this here.',
  404: 'Check the path of `url`.',
  405: 'The server does not take this `method` here.',
  407: 'Put user and password of the proxy into the proxy variable.',
  411: 'A proxy on the way has dropped Content-Length.',
  413: 'Raise the upload limit of the server (nginx: client_max_body_size).',
  415: 'Set another Content-Type in `headers`, or "encoding": "multipart".',
  422: 'The server understood the upload and refuses it; its words tell why.',
};

/** RFC 9110 §15.5.9, RFC 8470 §5.2, RFC 6585 §4; and all that says "the server failed". */
function isRetryable(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

const longestReason = 80;

/** `413 Payload Too Large`, in the server's words. */
export function statusText({ status, reason }: HttpAnswer): string {
  return `${status} ${displayText(reason.slice(0, longestReason))}`.trimEnd();
}

/** The failure that an answer other than 2xx means. */
export function toHttpFailure(destination: string, answer: HttpAnswer, now: Date): DeliveryFailure {
  const { status, headers, text } = answer;
  const problem = parseProblem(answer);
  const excerpt = problem?.message ?? toExcerpt(text);
  const unauthorized = status === 401 || status === 403 || status === 407;
  const retryable = isRetryable(status);
  const retryAfterMs = retryable ? parseRetryAfter(headers['retry-after'], now) : undefined;
  return new DeliveryFailure(
    unauthorized ? 'unauthorized' : 'http-status',
    `${destination} answered ${statusText(answer)}${excerpt === '' ? '' : `: ${excerpt}`}`,
    {
      hint:
        problem?.hint ??
        hints[status] ??
        (retryable
          ? 'The server may recover; try again later.'
          : 'The log of the server tells more.'),
      retryable,
      ...(problem === undefined ? {} : { details: problem.details }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  );
}

interface Problem {
  readonly message: string;
  readonly hint: string | undefined;
  readonly details: readonly string[];
}

/** RFC 9457, with the code, hint and list of errors that `ota serve` adds. */
function parseProblem({ headers, text }: HttpAnswer): Problem | undefined {
  const [type = ''] = [headers['content-type']].flat();
  if (!/^application\/problem\+json\b/i.test(type)) return undefined;
  try {
    const { detail, code, hint, errors } = JSON.parse(text) as Record<string, unknown>;
    if (typeof detail !== 'string') return undefined;
    return {
      message: `${toExcerpt(detail)}${typeof code === 'string' ? ` (${toExcerpt(code)})` : ''}`,
      hint: typeof hint === 'string' ? toExcerpt(hint) : undefined,
      details: Array.isArray(errors) ? errors.map((error) => toExcerpt(String(error))) : [],
    };
  } catch {
    return undefined;
  }
}

/** No server gets to stop a deployment for longer than this. */
const longestRetryAfterMs = 24 * 3600 * 1000;

/** RFC 9110 §10.2.3: seconds, or a date. Milliseconds from `now`; nothing when it is neither. */
export function parseRetryAfter(
  header: string | string[] | undefined,
  now: Date,
): number | undefined {
  const text = [header].flat()[0]?.trim() ?? '';
  const afterMs = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now.getTime();
  if (Number.isNaN(afterMs)) return undefined;
  return Math.min(Math.max(afterMs, 0), longestRetryAfterMs);
}

const excerptCharacters = 200;

/** The start of a body, fit for one line of a terminal. */
export function toExcerpt(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  const characters = [...line];
  if (characters.length <= excerptCharacters) return line;
  return `${characters.slice(0, excerptCharacters).join('')}…`;
}
