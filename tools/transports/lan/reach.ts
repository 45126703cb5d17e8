import type { ErrorCode } from '../../core/error-codes.ts';
import { cancelledError, OtaError } from '../../core/errors.ts';
import { DeliveryFailure } from '../../core/release/delivery.ts';
import { toNetworkFailure } from '../network-failure.ts';
import type { Resolver } from './resolve.ts';

export interface ReachOptions {
  readonly host: string;
  /** Tried in this order; the next one only when the device is there and refuses. */
  readonly ports: readonly number[];
  /** For the name, and for each address. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly resolve: Resolver;
}

export interface Place {
  readonly address: string;
  readonly port: number;
  /** How long to wait here: shorter while other addresses remain. */
  readonly timeoutMs: number;
}

/** An address that does not answer holds up the next one no longer than this. */
const longestDetourMs = 5000;

/**
 * Tries the addresses and ports of a host until an attempt at one of them succeeds. An attempt that throws
 * an `OtaError` was heard by somebody, and ends the search.
 *
 * @throws DeliveryFailure `host-unknown`, `connection-refused`, `connection-failed`, `timeout`
 * @throws OtaError `cancelled`
 */
export async function reach<Value>(
  options: ReachOptions,
  attempt: (place: Place) => Promise<Value>,
): Promise<Value> {
  const { host, ports, timeoutMs, signal } = options;
  const addresses = await options.resolve(host, { timeoutMs, signal });
  const failures: unknown[] = [];
  for (const port of ports) {
    let refused = false;
    for (const [index, address] of addresses.entries()) {
      if (signal.aborted) throw cancelledError();
      const last = index === addresses.length - 1;
      try {
        const patienceMs = last ? timeoutMs : Math.min(timeoutMs, longestDetourMs);
        return await attempt({ address, port, timeoutMs: patienceMs });
      } catch (error) {
        if (signal.aborted) throw cancelledError();
        if (error instanceof OtaError) throw error;
        refused ||= codeOf(error) === 'ECONNREFUSED';
        failures.push(error);
      }
    }
    if (!refused) break;
  }
  throw explain(options, addresses, failures);
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
  { host, ports }: ReachOptions,
  addresses: readonly string[],
  failures: readonly unknown[],
): OtaError {
  const telling =
    failures.find((error) => codeOf(error) === 'ECONNREFUSED') ??
    failures.find((error) => codeOf(error) === 'ETIMEDOUT') ??
    failures.at(-1);
  const same = addresses.length === 1 && addresses[0] === host;
  const known = same ? '' : ` (${addresses.join(', ')})`;
  const failure = toNetworkFailure(telling, `port ${ports.join(' or ')} of ${host}${known}`);
  const hint = hints[failure.code] ?? failure.hint;
  return new DeliveryFailure(failure.code, failure.message, {
    retryable: failure instanceof DeliveryFailure && failure.retryable,
    cause: telling,
    ...(hint === undefined ? {} : { hint }),
  });
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
