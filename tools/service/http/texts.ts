import type { FastifyRequest } from 'fastify';
import { OtaError } from '../../core/errors.ts';

/**
 * Refuses a text that no database keeps as it is: PostgreSQL has no NUL and no half of a surrogate pair, and SQLite
 * cuts and changes them. What many devices send is written in one statement, so one such text would fail all of it.
 *
 * @throws OtaError `request-invalid`
 */
export function requireStorable(what: string, text: string): void {
  if (isStorable(text)) return;
  throw new OtaError('request-invalid', `${what} holds NUL or half a character`, {
    hint: 'Send text in UTF-8, without the zero that ends it in C.',
  });
}

/**
 * The same for everything that came with a request but its headers. Requests without a suspicious escape cost one
 * search.
 *
 * @throws OtaError `request-invalid`
 */
export function requireStorableRequest(request: FastifyRequest): void {
  if (request.url.includes('%00')) {
    walk('the path', request.params);
    walk('the query', request.query);
  }
  if (/\\u(?:0000|d[89a-f])/i.test(request.rawBody ?? '')) walk('the body', request.body);
}

/**
 * The same for what came by another way. Numbers must be whole and below 2^53, as all of ours are.
 *
 * @throws OtaError `request-invalid`
 */
export function requireStorableNews(news: object): void {
  walk('the message', news, true);
}

function walk(where: string, value: unknown, wholeNumbers = false): void {
  if (typeof value === 'string') requireStorable(where, value);
  if (typeof value === 'number' && wholeNumbers && !Number.isSafeInteger(value))
    throw new OtaError('request-invalid', `${where} holds the number ${value}`, {
      hint: 'Send whole numbers below 2^53.',
    });
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    requireStorable(`a name in ${where}`, key);
    walk(Array.isArray(value) ? where : `${where}: ${key}`, inner, wholeNumbers);
  }
}

function isStorable(text: string): boolean {
  return !text.includes('\0') && !/\p{Surrogate}/u.test(text);
}
