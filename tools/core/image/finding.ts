/** Stable names of what a reader can notice about the structure of a file. */
export type ImageFindingCode =
  | 'truncated'
  | 'segment-count'
  | 'segment-length'
  | 'hash-flag'
  | 'descriptor-segment'
  | 'text-unterminated'
  | 'unknown-chip'
  | 'retired-chip'
  | 'signature-block'
  | 'eboot-size'
  | 'partition-entry'
  | 'partition-rule'
  | 'partition-md5'
  | 'partition-end'
  | 'partition-csv'
  | 'otadata-entry'
  | 'trailing-bytes';

/**
 * Something a reader noticed. A broken file is not an error of the reader: it is data.
 * `error` means that a device would refuse the file or fail with it.
 */
export interface ImageFinding {
  readonly code: ImageFindingCode;
  readonly severity: 'error' | 'warning' | 'info';
  /** One sentence with the offending value and its place. */
  readonly message: string;
}

/** `0x1f000`: how offsets, addresses and ids are written. */
export function hexNumber(value: number, digits = 1): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}
