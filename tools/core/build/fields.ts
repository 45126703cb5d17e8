import { OtaError } from '../errors.ts';

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws OtaError `build-invalid` when a build's JSON file holds no object */
export function objectOf(value: unknown, path: string): Fields {
  if (isFields(value)) return value;
  throw new OtaError('build-invalid', `${path} does not hold a JSON object`, {
    hint: 'Build again with `idf.py build`; the file is written at configure time.',
  });
}

/** A text, or a number as text; `undefined` when missing or empty. */
export function textOf(fields: Fields, key: string): string | undefined {
  const value = Object.hasOwn(fields, key) ? fields[key] : undefined;
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && text !== '' ? text : undefined;
}

/** `0x10000` or `65536`; `undefined` for anything else, and for what no flash address can be. */
export function parseAddress(text: string): number | undefined {
  if (!/^(?:0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text)) return undefined;
  const value = Number(text);
  return value <= 0xffffffff ? value : undefined;
}

/** `4MB` or `512KB` in bytes; `undefined` for `detect` and `keep`, which tell nothing. */
export function parseFlashSize(text: string | undefined): number | undefined {
  const match = /^(\d{1,4})(MB|KB)$/i.exec(text ?? '');
  if (match === null) return undefined;
  return Number(match[1]) * (match[2]?.toUpperCase() === 'MB' ? 1024 * 1024 : 1024);
}
