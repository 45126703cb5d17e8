import type { UploadBody } from '../lan/upload-cache.ts';
import type { PasswordHash } from './auth.ts';

/** Where a session stands. What a broken connection means depends on it. */
export type Phase =
  | 'greeting'
  | 'features'
  | 'encryption'
  | 'authentication'
  | 'preparing'
  | 'checksum'
  | 'upload'
  /** All bytes of the image are on their way: from here on the device may commit. */
  | 'finishing'
  | 'committed';

export const phaseWords: Readonly<Record<Phase, string>> = {
  greeting: 'before it said hello',
  features: 'while features were negotiated',
  encryption: 'while the encryption was set up',
  authentication: 'while the password was checked',
  preparing: 'while the device prepared its flash',
  checksum: 'when the checksum was sent',
  upload: 'in the middle of the image',
  finishing: 'after the whole image was sent',
  committed: 'after the update was done',
};

/** What can be told about a session from outside, at any moment. */
export interface SessionState {
  readonly phase: Phase;
  /** Image bytes that the device has acknowledged (version 2) or that were sent (version 1). */
  readonly deliveredBytes: number;
  /** What arrived and was not understood yet, as text: it names whoever else listens on the port. */
  readonly strayText: string;
}

/** What the session wants next from whoever drives it. */
export type SessionStep =
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  /** Until more bytes were received. */
  | { readonly kind: 'wait' }
  /** Until what was sent has left, or more bytes were received. */
  | { readonly kind: 'drain' }
  /** Answer with the body; the device has just said in what form it wants it. */
  | { readonly kind: 'load'; readonly gzip: boolean; readonly checksum: PasswordHash }
  | { readonly kind: 'progress'; readonly deliveredBytes: number; readonly totalBytes: number };

/** A part of a session. Only a `load` step is answered, with the body. */
export type SessionSteps<Result> = Generator<SessionStep, Result, UploadBody | undefined>;
