import type { Socket } from 'node:net';
import { openSocket, type SocketTls } from '../socket.ts';
import { chooseProxy, type Environment, openProxy, openTunnel, proxyHeaders } from './proxy.ts';
import { hostOfUrl, portOfUrl } from './url.ts';

/** A connection on which a request for a URL may be written. */
export interface Route {
  readonly socket: Socket;
  /** What the request line names. */
  readonly target: string;
  /** Headers for whoever stands in between. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface RouteOptions {
  readonly env: Environment;
  readonly tls: SocketTls;
}

/**
 * Connects to the server of a URL, straight or through the proxy that the environment names.
 *
 * @throws what Node says of the failure, DeliveryFailure about a proxy, or the reason of the signal
 */
export async function openRoute(
  url: URL,
  { env, tls }: RouteOptions,
  signal: AbortSignal,
): Promise<Route> {
  const proxy = chooseProxy(url, env);
  const origin = { target: `${url.pathname}${url.search}`, headers: {} };
  const address = { host: hostOfUrl(url), port: portOfUrl(url) };
  if (url.protocol === 'https:') {
    const over = proxy === undefined ? {} : { over: await openTunnel(proxy, url, signal) };
    return { socket: await openSocket({ ...address, tls, ...over }, signal), ...origin };
  }
  if (proxy === undefined) return { socket: await openSocket(address, signal), ...origin };
  // RFC 9112 §3.2.2: a proxy is told the whole URL.
  const socket = await openProxy(proxy, signal);
  return { socket, target: url.href, headers: proxyHeaders(proxy) };
}
