import type { Socket } from 'node:net';
import { cancelledError } from '../../core/errors.ts';
import { DeliveryFailure } from '../../core/release/delivery.ts';
import { mayHaveCommitted, seconds } from '../lan/failures.ts';
import { beginExchange, Silence } from './exchange.ts';
import type { FileForm } from './form.ts';
import { judgeAnswer, judgeProbe } from './verdict.ts';

export interface WebUpdater {
  readonly path: string;
  /** `Host`, and `Authorization` when there is a password. */
  readonly headers: Readonly<Record<string, string>>;
  readonly hasPassword: boolean;
}

export interface WebLimits {
  /** The longest silence that is put up with. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Small enough that progress moves and a refusal is noticed soon. */
const pieceBytes = 16_384;

/**
 * Asks for the start page: is there a web server, and does it take the password? Better known before the
 * image is under way, because many devices answer a wrong password by hanging up in the middle of it.
 *
 * @throws DeliveryFailure, OtaError `cancelled`
 */
export async function probe(socket: Socket, updater: WebUpdater, limits: WebLimits): Promise<void> {
  const { headers } = updater;
  const exchange = beginExchange(socket, { method: 'GET', path: '/', headers }, limits);
  try {
    exchange.end();
    judgeProbe(await exchange.answer(), updater);
  } catch (error) {
    throw explain(error, limits, 'before the image was sent');
  } finally {
    exchange.close();
  }
}

/**
 * Posts the image and judges the answer, which may come before all is sent. Returns the device's words.
 *
 * @throws DeliveryFailure, OtaError `cancelled`
 */
export async function uploadForm(
  socket: Socket,
  updater: WebUpdater,
  form: FileForm,
  image: Uint8Array,
  options: WebLimits & { onProgress(sentBytes: number): void },
): Promise<string> {
  const headers = {
    ...updater.headers,
    'Content-Type': form.contentType,
    'Content-Length': form.head.length + image.length + form.tail.length,
  };
  const asked = { method: 'POST', path: updater.path, headers } as const;
  const exchange = beginExchange(socket, asked, options);
  let whole = false;
  try {
    await exchange.write(form.head);
    for (let offset = 0; offset < image.length && !exchange.answered; offset += pieceBytes) {
      const end = Math.min(offset + pieceBytes, image.length);
      // Set before the last piece leaves: from then on the device may have it all.
      whole = end === image.length;
      await exchange.write(image.subarray(offset, end));
      options.onProgress(end);
    }
    if (whole) exchange.end(form.tail);
    return judgeAnswer(await exchange.answer(), { ...updater, whole });
  } catch (error) {
    if (!whole) throw explain(error, options, 'in the middle of the image');
    if (options.signal.aborted) throw mayHaveCommitted('the push was stopped');
    if (error instanceof DeliveryFailure) throw error;
    const silent = error instanceof Silence;
    throw mayHaveCommitted(
      silent ? `it said nothing for ${seconds(error.silentMs)}` : 'the connection broke',
      error,
    );
  } finally {
    exchange.close();
  }
}

function explain(error: unknown, { signal }: WebLimits, when: string): Error {
  if (signal.aborted) return cancelledError();
  if (error instanceof DeliveryFailure) return error;
  // Codes of Node's HTTP parser.
  if (/^HPE_/.test(String((error as NodeJS.ErrnoException).code))) {
    return new DeliveryFailure(
      'device-wrong-protocol',
      'what listens there does not answer in HTTP',
      {
        hint: 'Check host and --port: a web updater listens on 80 unless its firmware says otherwise.',
        cause: error,
        retryable: false,
      },
    );
  }
  const silent = error instanceof Silence;
  return new DeliveryFailure(
    silent ? 'timeout' : 'connection-failed',
    silent
      ? `the device took or said nothing for ${seconds(error.silentMs)} ${when}`
      : `the connection broke ${when}`,
    {
      hint: 'Is the device in reach, and not busy with another upload?',
      cause: error,
      retryable: true,
    },
  );
}
