import { DeliveryFailure } from '../../core/release/delivery.ts';
import { type HttpAnswer, statusText } from './answer.ts';
import { showUrl } from './plan.ts';

export const maximumRedirects = 5;

/** RFC 9110 §15.4.8 and §15.4.9: these two ask for the same request, body and all, at another place. */
const repeating = new Set([307, 308]);
/** These are answered with GET by most clients: the firmware would be lost. */
const changing = new Set([300, 301, 302, 303, 305]);

export interface Redirect {
  readonly url: URL;
  /** Whether headers and certificates that were meant for the first server may go there. */
  readonly sameOrigin: boolean;
}

/**
 * Where an answer sends the request to; nothing when it is no redirect.
 *
 * @throws DeliveryFailure `http-redirect` when it must not be followed
 */
export function parseRedirect(
  from: URL,
  answer: HttpAnswer,
  followed: number,
): Redirect | undefined {
  const { status } = answer;
  const target = [answer.headers.location].flat()[0];
  if (changing.has(status)) {
    throw refused(
      from,
      `answered ${statusText(answer)}${target === undefined ? '' : ` to ${show(target, from)}`}`,
      'Such a redirect loses the firmware. Set `url` to the final address, or have the server answer 307 or 308.',
    );
  }
  if (!repeating.has(status)) return undefined;
  if (target === undefined) {
    throw refused(from, `answered ${status} without a Location`, 'The server is at fault.');
  }
  if (followed >= maximumRedirects) {
    throw refused(
      from,
      `redirected more than ${maximumRedirects} times`,
      'Set `url` to the final address.',
    );
  }
  if (!URL.canParse(target, from.href)) {
    throw refused(from, 'redirected to something that is not a URL', 'The server is at fault.');
  }
  const url = new URL(target, from);
  url.username = '';
  url.password = '';
  url.hash = '';
  const safe = url.protocol === 'https:' || (url.protocol === 'http:' && from.protocol === 'http:');
  if (!safe) {
    throw refused(
      from,
      `redirected to ${showUrl(url)}`,
      'A redirect must not lead away from https://.',
    );
  }
  return { url, sameOrigin: url.origin === from.origin };
}

function show(target: string, from: URL): string {
  return URL.canParse(target, from.href)
    ? showUrl(new URL(target, from))
    : 'something that is not a URL';
}

function refused(from: URL, what: string, hint: string): DeliveryFailure {
  return new DeliveryFailure('http-redirect', `${showUrl(from)} ${what}`, {
    hint,
    retryable: false,
  });
}
