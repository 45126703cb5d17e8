import { OtaError } from '../errors.ts';

/** Deeper than any manifest; bounds the recursion. */
const deepest = 64;

/**
 * The one text of a JSON value that everybody agrees on (RFC 8785): keys sorted by UTF-16 code units, no white
 * space, numbers and texts as ECMAScript writes them.
 *
 * @param where what the value is, for messages
 * @throws OtaError `manifest-invalid` for what has no such form: half a surrogate pair, or absurd depth
 */
export function canonicalJson(value: unknown, where: string, depth = 0): string {
  if (depth > deepest) {
    throw new OtaError('manifest-invalid', `${where} is nested deeper than ${deepest} levels`);
  }
  if (Array.isArray(value)) {
    return `[${value.map((item) => canonicalJson(item, where, depth + 1)).join(',')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    // Written here and not by an object in order: JavaScript moves keys such as "10" to the front.
    const members = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([key, item]) => `${canonicalText(key, where)}:${canonicalJson(item, where, depth + 1)}`,
      );
    return `{${members.join(',')}}`;
  }
  return typeof value === 'string' ? canonicalText(value, where) : JSON.stringify(value);
}

/** RFC 8785 §3.2.2.2; JSON.stringify would escape a lone surrogate, other implementations replace it. */
function canonicalText(text: string, where: string): string {
  if (!/\p{Surrogate}/u.test(text)) return JSON.stringify(text);
  throw new OtaError(
    'manifest-invalid',
    `${where} holds text that is not Unicode: ${JSON.stringify(text)}`,
    {
      hint: 'Write the text again; half of a surrogate pair stands in it.',
    },
  );
}
