import type { FastifyRequest } from 'fastify';
import type { ByteRange } from '../artifacts/artifact-store.ts';

/**
 * RFC 9110 §14.2: one range of a GET; several, or units that we do not know, are ignored and the whole file is sent.
 */
export function chooseRange(
  { headers, method }: Pick<FastifyRequest, 'headers' | 'method'>,
  size: number,
  etag: string,
): ByteRange | 'unsatisfiable' | undefined {
  const { range, 'if-range': condition } = headers;
  if (method !== 'GET' || range === undefined) return;
  // A part of another file would be glued to this one (RFC 9110 §13.1.5).
  if (condition !== undefined && condition !== etag) return;
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(range.trim()) ?? [];
  if (first === '' && last === '') return;
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return;
  return start >= size ? 'unsatisfiable' : { start, end };
}
