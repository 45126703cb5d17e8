import { isFilledWith } from './bytes.ts';

/** Bytes behind the image and its signature. They are never part of the hash. */
export interface TrailingBytes {
  readonly fileOffset: number;
  readonly sizeBytes: number;
  /** `ff`: padding or a flash read-back; `data`: something that does not belong there, or unknown. */
  readonly content: 'ff' | 'zero' | 'data';
}

/** What lies from `offset` to the end of the file; `undefined` when nothing does. */
export function trailingFrom(bytes: Uint8Array, offset: number): TrailingBytes | undefined {
  if (offset >= bytes.length) return undefined;
  const content = isFilledWith(bytes, 0xff, offset)
    ? 'ff'
    : isFilledWith(bytes, 0, offset)
      ? 'zero'
      : 'data';
  return { fileOffset: offset, sizeBytes: bytes.length - offset, content };
}
