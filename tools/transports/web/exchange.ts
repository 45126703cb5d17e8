import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { cancelledError } from '../../core/errors.ts';
import type { WebAnswer } from './verdict.ts';

export interface ExchangeRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string | number>>;
}

/** One request under way. Every wait ends by an answer, an error, silence or the signal. */
export interface Exchange {
  /** Whether an answer has begun to arrive; it may do so while the request is still being sent. */
  readonly answered: boolean;
  /** Until the system took the bytes, or an answer came. */
  write(bytes: Uint8Array): Promise<void>;
  end(bytes?: Uint8Array): void;
  answer(): Promise<WebAnswer>;
  close(): void;
}

/** Thrown when nothing moved for so long. */
export class Silence extends Error {
  readonly silentMs: number;

  constructor(silentMs: number) {
    super(`nothing moved for ${silentMs} ms`);
    this.silentMs = silentMs;
  }
}

/** What is kept of an answer. */
const longestBody = 65_536;

/** Begins a request on a connected socket, which it closes in the end. */
export function beginExchange(
  socket: Socket,
  { method, path, headers }: ExchangeRequest,
  limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Exchange {
  const sending: ClientRequest = request({
    createConnection: () => socket,
    method,
    path,
    headers: { ...headers, Connection: 'close' },
  });
  let response: IncomingMessage | undefined;
  let over: Error | undefined;
  let wake = (): void => {};
  const fail = (error: Error): void => {
    over ??= error;
    wake();
  };
  const abort = (): void => fail(cancelledError());
  sending.on('error', fail).on('close', () => fail(new Error('closed without an answer')));
  sending.on('response', (message) => {
    response = message;
    wake();
  });
  limits.signal.addEventListener('abort', abort, { once: true });
  if (limits.signal.aborted) abort();

  const wait = (isOver: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const settle = (error?: Error): void => {
        clearTimeout(timer);
        wake = () => {};
        if (error === undefined) resolve();
        else reject(error);
      };
      const timer = setTimeout(() => settle(new Silence(limits.timeoutMs)), limits.timeoutMs);
      wake = () => {
        if (isOver()) settle();
        else if (over !== undefined) settle(over);
      };
      wake();
    });

  return {
    get answered() {
      return response !== undefined;
    },
    async write(bytes) {
      let written = false;
      sending.write(bytes, (error) => {
        written = error === null || error === undefined;
        wake();
      });
      await wait(() => written || response !== undefined);
    },
    end: (bytes) => void (bytes === undefined ? sending.end() : sending.end(bytes)),
    async answer() {
      await wait(() => response !== undefined);
      const message = response as unknown as IncomingMessage;
      let body = '';
      let complete = false;
      const finish = (): void => {
        complete = true;
        wake();
      };
      message.setEncoding('latin1').on('data', (text: string) => {
        body = (body + text).slice(0, longestBody);
      });
      // A device that reboots may cut its answer short: what came counts.
      message.on('end', finish).on('error', finish).on('close', finish);
      await wait(() => complete);
      const authenticate = message.headers['www-authenticate'];
      return { status: message.statusCode ?? 0, authenticate, body };
    },
    close() {
      limits.signal.removeEventListener('abort', abort);
      sending.destroy();
    },
  };
}
