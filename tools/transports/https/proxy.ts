import type { Socket } from 'node:net';
import { DeliveryFailure } from '../../core/release/delivery.ts';
import { toNetworkFailure } from '../network-failure.ts';
import { openSocket } from '../socket.ts';
import { basicAuthorization, hostOfUrl, peerOfUrl, portOfUrl } from './url.ts';

/** Where variables such as `HTTPS_PROXY` are looked up. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy that the environment names for a URL: `https_proxy` or `http_proxy` by its scheme, else
 * `all_proxy`, in small or capital letters, unless `no_proxy` lists the host. A proxy without scheme is an
 * HTTP proxy.
 *
 * @throws DeliveryFailure `connection-failed` for proxies that cannot be used
 */
export function chooseProxy(url: URL, env: Environment): URL | undefined {
  const named = (name: string) => env[name] || env[name.toUpperCase()] || undefined;
  const text =
    named(url.protocol === 'https:' ? 'https_proxy' : 'http_proxy') ?? named('all_proxy');
  if (text === undefined || isListed(url, named('no_proxy') ?? '')) return undefined;
  const address = text.includes('://') ? text : `http://${text}`;
  const proxy = URL.canParse(address) ? new URL(address) : undefined;
  if (proxy?.protocol === 'http:' || proxy?.protocol === 'https:') return proxy;
  throw new DeliveryFailure(
    'connection-failed',
    'the proxy that the environment names cannot be used',
    {
      hint: 'Set HTTPS_PROXY to http://host:port or https://host:port, or add the server to NO_PROXY.',
      retryable: false,
    },
  );
}

/** Hosts, with or without a port, each for its subdomains too; `*` is everything. */
function isListed(url: URL, list: string): boolean {
  const host = hostOfUrl(url).toLowerCase();
  const entries = list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '');
  return entries.some((entry) => {
    if (entry === '*') return true;
    const [, name = '', port] = /^\[?(.+?)\]?(?::(\d+))?$/.exec(entry) ?? [];
    // An IPv6 address without brackets has no port.
    const [domain, wanted] = /:.*:/.test(entry) && !entry.startsWith('[') ? [entry] : [name, port];
    const bare = domain.replace(/^\*?\./, '');
    if (wanted !== undefined && Number(wanted) !== portOfUrl(url)) return false;
    return host === bare || host.endsWith(`.${bare}`);
  });
}

/** A connection to the proxy itself. @throws DeliveryFailure that names the proxy */
export async function openProxy(proxy: URL, signal: AbortSignal): Promise<Socket> {
  try {
    const tls = proxy.protocol === 'https:' ? { tls: { verify: true } } : {};
    return await openSocket({ host: hostOfUrl(proxy), port: portOfUrl(proxy), ...tls }, signal);
  } catch (error) {
    throw toNetworkFailure(error, nameOf(proxy));
  }
}

/** What a request to a proxy says of its sender. */
export function proxyHeaders(proxy: URL): Record<string, string> {
  const authorization = basicAuthorization(proxy);
  return authorization === undefined ? {} : { 'Proxy-Authorization': authorization };
}

/** RFC 9110 §9.3.6: a connection to the server itself, through the proxy. */
export async function openTunnel(proxy: URL, to: URL, signal: AbortSignal): Promise<Socket> {
  const { request } = await import('node:http');
  const socket = await openProxy(proxy, signal);
  const target = peerOfUrl(to);
  const cancel = () => socket.destroy(signal.reason);
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const status = await new Promise<number>((resolve, reject) => {
      const asking = request({
        createConnection: () => socket,
        method: 'CONNECT',
        path: target,
        headers: { Host: target, ...proxyHeaders(proxy) },
      });
      asking.on('connect', (answer) => resolve(answer.statusCode ?? 0));
      asking.on('error', reject);
      asking.end();
    });
    if (status < 200 || status > 299) throw tunnelRefused(proxy, target, status);
    return socket;
  } catch (error) {
    socket.destroy();
    throw toNetworkFailure(error, nameOf(proxy));
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

function nameOf(proxy: URL): string {
  return `the proxy ${peerOfUrl(proxy)}`;
}

function tunnelRefused(proxy: URL, target: string, status: number): DeliveryFailure {
  const denied = status === 407;
  return new DeliveryFailure(
    denied ? 'unauthorized' : 'connection-failed',
    `${nameOf(proxy)} refused to connect to ${target}: status ${status}`,
    {
      hint: denied
        ? 'Put user and password of the proxy into the proxy variable.'
        : 'Check HTTPS_PROXY and NO_PROXY, and the rules of the proxy.',
      retryable: status >= 500,
    },
  );
}
