import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { DeliveryFailure } from '../../core/release/delivery.ts';
import { findMdnsAddresses } from './mdns.ts';

export interface ResolveLimits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Finds all addresses of a host, best first. Throws `DeliveryFailure('host-unknown')`. */
export type Resolver = (host: string, limits: ResolveLimits) => Promise<string[]>;

/** Where names are looked up. */
export interface NameSources {
  /** The system's resolver: hosts file, name server, whatever it is set up for. */
  system(name: string): Promise<string[]>;
  multicast(name: string, limits: ResolveLimits): Promise<string[]>;
}

const realSources: NameSources = {
  system: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
  multicast: findMdnsAddresses,
};

/** Nobody waits longer for a name: a device that is awake answers within milliseconds. */
const longestLookupMs = 10_000;

/**
 * Makes a resolver. Addresses are taken as they are. Names ending in `.local`, and names without a dot, are
 * asked for by multicast DNS and at the system's resolver at the same time; the first answer wins.
 */
export function createResolver(sources: NameSources = realSources): Resolver {
  return async (host, limits) => {
    if (isIP(withoutZone(host)) !== 0) return [host];
    const timeoutMs = Math.min(limits.timeoutMs, longestLookupMs);
    const ended = new AbortController();
    const signal = AbortSignal.any([limits.signal, ended.signal]);
    const searches = namesToAsk(host).map(async ({ name, where }) => {
      const found =
        where === 'system'
          ? await sources.system(name)
          : await sources.multicast(name, { timeoutMs, signal });
      if (found.length === 0) throw new Error(`no answer for ${name}`);
      return found;
    });
    try {
      return sortAddresses(await withLimit(Promise.any(searches), timeoutMs, limits.signal));
    } catch (cause) {
      throw new DeliveryFailure('host-unknown', `the host name "${host}" has no address`, {
        hint: 'Check the spelling, and that the device is on and in the same network. An address (192.168.1.20) always works.',
        cause,
        // A device that sleeps or boots does not answer for its name; a name server's word stands.
        retryable: isLocalName(host),
      });
    } finally {
      ended.abort();
    }
  };
}

function isLocalName(host: string): boolean {
  return host.endsWith('.local') || !host.includes('.');
}

function namesToAsk(host: string): { name: string; where: 'system' | 'multicast' }[] {
  const name = host.toLowerCase().replace(/\.$/, '');
  if (!isLocalName(name)) return [{ name, where: 'system' }];
  const bare = name.replace(/\.local$/, '');
  return [
    { name: `${bare}.local`, where: 'multicast' },
    { name, where: 'system' },
    // Many routers know a device by its bare name.
    ...(bare === name ? [] : [{ name: bare, where: 'system' } as const]),
  ];
}

/** IPv6 (global, local, link-local with zone), then IPv4; link-local IPv6 without a zone leads nowhere. */
export function sortAddresses(addresses: readonly string[]): string[] {
  const rank = (address: string): number => {
    if (isIP(withoutZone(address)) !== 6) return 3;
    if (!/^fe[89ab]/i.test(address)) return /^f[cd]/i.test(address) ? 1 : 0;
    return address.includes('%') ? 2 : 4;
  };
  return [...new Set(addresses)].sort((a, b) => rank(a) - rank(b));
}

function withoutZone(address: string): string {
  return address.split('%')[0] ?? address;
}

async function withLimit<Value>(
  work: Promise<Value>,
  limitMs: number,
  signal: AbortSignal,
): Promise<Value> {
  let stop = (): void => {};
  const limit = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer in ${limitMs} ms`)), limitMs);
    const abort = (): void => reject(new Error('cancelled'));
    signal.addEventListener('abort', abort, { once: true });
    stop = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    };
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    stop();
  }
}
