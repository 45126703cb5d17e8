import type { Socket } from 'node:net';
import { cancelledError } from '../../core/errors.ts';
import { DeliveryFailure } from '../../core/release/delivery.ts';
import { explainUpdaterError, mayHaveCommitted, seconds } from '../lan/failures.ts';
import { LinkBroken, leave, openLine } from '../lan/line.ts';
import { chunkBytes, parseUploadWords } from './protocol.ts';

export interface UploadOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  onProgress(sentBytes: number): void;
}

/** After three silences of a second the device gives up, and is free again. */
const deviceLimitMs = 4000;

/**
 * Sends an image over the connection that the device made. Every piece is answered before the next one goes
 * out, so that until the last piece it is sure that the device lacks some.
 *
 * @throws DeliveryFailure, OtaError `cancelled`
 */
export async function uploadImage(
  socket: Socket,
  image: Uint8Array,
  options: UploadOptions,
): Promise<void> {
  let said = '';
  let whole = false;
  const hear = (bytes: Uint8Array): void => {
    // Numbers that were read are of no more use; what is kept has a bound.
    said = `${said.replace(/^[\d\s]+/, '')}${Buffer.from(bytes).toString('latin1')}`.slice(0, 1000);
  };
  const line = openLine(socket, hear, options.signal);
  try {
    for (let offset = 0; offset < image.length; offset += chunkBytes) {
      const end = Math.min(offset + chunkBytes, image.length);
      whole = end === image.length;
      socket.write(image.subarray(offset, end));
      await line.news(options.timeoutMs);
      if (!whole) requireCounting(said);
      options.onProgress(end);
    }
    for (;;) {
      const word = parseUploadWords(said, false);
      if (word.kind === 'done') break;
      if (word.kind === 'failed') throw explainUpdaterError(word.text);
      await line.news(options.timeoutMs);
    }
    leave(socket);
  } catch (error) {
    socket.destroy();
    if (options.signal.aborted)
      throw whole ? mayHaveCommitted('the push was stopped') : cancelledError();
    throw error instanceof LinkBroken ? explainBreak(error, said, whole) : error;
  } finally {
    line.close();
  }
}

function requireCounting(said: string): void {
  const word = parseUploadWords(said, false);
  if (word.kind === 'counting') return;
  if (word.kind === 'failed') throw explainUpdaterError(word.text);
  throw new DeliveryFailure(
    'device-unexpected-answer',
    'the device said OK in the middle of the image',
    { hint: 'Look at the device log.', retryable: false },
  );
}

function explainBreak({ reason }: LinkBroken, said: string, whole: boolean): DeliveryFailure {
  const word = parseUploadWords(said, true);
  if (word.kind === 'failed') return explainUpdaterError(word.text);
  const silent = reason.kind === 'silent';
  if (whole) {
    return mayHaveCommitted(
      silent ? `it said nothing for ${seconds(reason.silentMs)}` : 'the connection broke',
    );
  }
  const retryAfterMs = silent ? Math.max(0, deviceLimitMs - reason.silentMs) : 0;
  return new DeliveryFailure(
    silent ? 'timeout' : 'connection-failed',
    silent
      ? `the device said nothing for ${seconds(reason.silentMs)} in the middle of the image`
      : 'the connection broke in the middle of the image',
    {
      hint: 'Is the device in reach of its access point, and its power supply good?',
      cause: silent ? undefined : reason.cause,
      retryable: true,
      ...(retryAfterMs === 0 ? {} : { retryAfterMs }),
    },
  );
}
