import { connect, type Socket } from 'node:net';
import type { ErrorCode } from '../../core/error-codes.ts';
import { cancelledError, type OtaError } from '../../core/errors.ts';
import { DeliveryFailure } from '../../core/release/delivery.ts';
import { toNetworkFailure } from '../network-failure.ts';
import type { Resolver } from './resolve.ts';

export interface DialOptions {
  readonly host: string;
  /** Tried in this order; the next one only when the device is there and refuses. */
  readonly ports: readonly number[];
  /** For the name, and for each connection. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly resolve: Resolver;
  /** Begins a connection; tests give one that never comes about. */
  readonly connect?: (address: string, port: number) => Socket;
}

const connectTcp = (host: string, port: number): Socket => connect({ host, port, noDelay: true });

export interface Dialed {
  readonly socket: Socket;
  readonly address: string;
  readonly port: number;
}

/** An address that does not answer holds up the next one no longer than this. */
const longestDetourMs = 5000;

/**
 * Connects to the first address and port of a host that accept.
 *
 * @throws DeliveryFailure `host-unknown`, `connection-refused`, `connection-failed`, `timeout`
 * @throws OtaError `cancelled`
 */
export async function dial(options: DialOptions): Promise<Dialed> {
  const addresses = await options.resolve(options.host, options);
  const failures: unknown[] = [];
  for (const port of options.ports) {
    let refused = false;
    for (const [index, address] of addresses.entries()) {
      const last = index === addresses.length - 1;
      const timeoutMs = last ? options.timeoutMs : Math.min(options.timeoutMs, longestDetourMs);
      try {
        if (options.signal.aborted) throw cancelledError();
        const socket = (options.connect ?? connectTcp)(address, port);
        await connected(socket, timeoutMs, options.signal);
        return { socket, address, port };
      } catch (error) {
        if (options.signal.aborted) throw cancelledError();
        refused ||= codeOf(error) === 'ECONNREFUSED';
        failures.push(error);
      }
    }
    if (!refused) break;
  }
  throw explain(options, addresses, failures);
}

function connected(socket: Socket, timeoutMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(new DialTimeout(timeoutMs)), timeoutMs);
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

class DialTimeout extends Error {
  readonly code = 'ETIMEDOUT';

  constructor(timeoutMs: number) {
    super(`no answer in ${timeoutMs / 1000} s`);
  }
}

/** What a person at the device can do, where the general hint speaks of servers. */
const hints: Partial<Record<ErrorCode, string>> = {
  'connection-refused':
    'Is the device just starting? Else check the port, and that its firmware takes updates over the network.',
  timeout: 'Is the device on, awake, and in a network that is reachable from here?',
  'connection-failed': 'Is this machine in the same network as the device?',
};

/** Of several failures the most telling one: refused says that the device is there. */
function explain(
  { host, ports }: DialOptions,
  addresses: readonly string[],
  failures: readonly unknown[],
): OtaError {
  const telling =
    failures.find((error) => codeOf(error) === 'ECONNREFUSED') ??
    failures.find((error) => codeOf(error) === 'ETIMEDOUT') ??
    failures.at(-1);
  const known = isSame(addresses, host) ? '' : ` (${addresses.join(', ')})`;
  const failure = toNetworkFailure(telling, `port ${ports.join(' or ')} of ${host}${known}`);
  const hint = hints[failure.code] ?? failure.hint;
  return new DeliveryFailure(failure.code, failure.message, {
    retryable: failure instanceof DeliveryFailure && failure.retryable,
    cause: telling,
    ...(hint === undefined ? {} : { hint }),
  });
}

function isSame(addresses: readonly string[], host: string): boolean {
  return addresses.length === 1 && addresses[0] === host;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
