import { connect, type Socket } from 'node:net';
import { cancelledError } from '../../core/errors.ts';
import { deferWriteErrors } from '../write-errors.ts';
import { type ReachOptions, reach } from './reach.ts';

export interface DialOptions extends ReachOptions {
  /** Begins a connection; tests give one that never comes about. */
  readonly connect?: (address: string, port: number) => Socket;
}

export interface Dialed {
  readonly socket: Socket;
  readonly address: string;
  readonly port: number;
}

/** What a device said last is read before a failed write ends the connection. */
const connectTcp = (host: string, port: number): Socket =>
  deferWriteErrors(connect({ host, port, noDelay: true }));

/** Connects to the first address and port of a host that accept. Throws as `reach` does. */
export function dial(options: DialOptions): Promise<Dialed> {
  return reach(options, async ({ address, port, timeoutMs }) => {
    const socket = (options.connect ?? connectTcp)(address, port);
    await connected(socket, timeoutMs, options.signal);
    return { socket, address, port };
  });
}

function connected(socket: Socket, timeoutMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(noAnswer(timeoutMs)), timeoutMs);
    const abort = (): void => fail(cancelledError());
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.off('error', fail);
    };
    const fail = (error: Error): void => {
      done();
      socket.on('error', () => {}).destroy();
      reject(error);
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.once('error', fail);
    socket.once('connect', () => {
      done();
      resolve();
    });
  });
}

/** What the system would say, had it the same patience. */
export function noAnswer(timeoutMs: number): Error {
  return Object.assign(new Error(`no answer in ${timeoutMs / 1000} s`), { code: 'ETIMEDOUT' });
}
