/** Answers of a device, in the order in which it gives them. */
export type EsphomeStep =
  | 'greeting'
  | 'features'
  | 'handshake'
  | 'challenge'
  | 'verdict'
  | 'prepared'
  | 'checksum'
  | 'acknowledge'
  | 'received'
  | 'committed';

/** Something that goes wrong in a virtual device, on purpose. */
export interface EsphomeFault {
  /** In place of this answer, or as soon as so many image bytes have arrived. */
  readonly at: EsphomeStep | number;
  /**
   * - `error`: answers `answer` and closes; with unread image bytes that is a reset, as on a real device
   * - `garbage`: answers `bytes` and goes on as if nothing had happened
   * - `close`, `reset`: hangs up; `stall`: says nothing more
   * - `extra`: gives the answer twice; `mute`: leaves it out and goes on
   * - `old-image`: all goes well, but after the reboot the old image runs
   */
  readonly does: 'error' | 'garbage' | 'close' | 'reset' | 'stall' | 'extra' | 'mute' | 'old-image';
  /** For `error`. */
  readonly answer?: number;
  /** For `garbage`. */
  readonly bytes?: Uint8Array;
  /** Only in the first so many sessions; default in all. */
  readonly sessions?: number;
}
