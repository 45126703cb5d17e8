import { quoted } from '../../../core/display-text.ts';
import { OtaError } from '../../../core/errors.ts';
import { maskUrlCredentials, maskUrlText } from '../../../core/secrets.ts';

const defaultPorts = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 } as const;

export type BrokerProtocol = keyof typeof defaultPorts;

export interface Broker {
  readonly protocol: BrokerProtocol;
  /** An IPv6 address stands without brackets. */
  readonly host: string;
  readonly port: number;
  /** Path and query; only WebSocket URLs have one. */
  readonly path: string;
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
}

/**
 * Reads `mqtt://host:1883`, `mqtts://…`, `ws://host/path` or `wss://…`.
 *
 * @throws OtaError `channel-invalid`
 */
export function parseBroker(text: string): Broker {
  const shown = quoted(maskUrlText(text));
  if (!URL.canParse(text)) throw invalid(`${shown} is not a URL`);
  const url = new URL(text);
  const protocol = url.protocol.slice(0, -1);
  if (!isBrokerProtocol(protocol)) {
    throw invalid(`${shown} must start with mqtt://, mqtts://, ws:// or wss://`);
  }
  if (url.hostname === '') throw invalid(`${shown} names no host`);
  if (url.port === '0') throw invalid(`${shown} has port 0`);
  const webSocket = protocol === 'ws' || protocol === 'wss';
  const path = `${url.pathname}${url.search}`;
  if (!webSocket && path !== '' && path !== '/') {
    throw invalid(`${shown} has a path; only ws:// and wss:// take one`);
  }
  return {
    protocol,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? defaultPorts[protocol] : Number(url.port),
    path: webSocket ? path : '',
    tls: protocol === 'mqtts' || protocol === 'wss',
    ...(url.username === '' ? {} : { username: decode(url.username, shown) }),
    ...(url.password === '' ? {} : { password: decode(url.password, shown) }),
  };
}

/** `host:port`, with brackets around an IPv6 address. */
export function peerOf(broker: Broker): string {
  return `${broker.host.includes(':') ? `[${broker.host}]` : broker.host}:${broker.port}`;
}

/** The URL without user and password; the port is always shown. */
export function showBroker(broker: Broker): string {
  return maskUrlCredentials(`${broker.protocol}://${peerOf(broker)}${broker.path}`);
}

function isBrokerProtocol(protocol: string): protocol is BrokerProtocol {
  return Object.hasOwn(defaultPorts, protocol);
}

function decode(text: string, shown: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(`${shown} has a user or password that is not percent-encoded UTF-8`);
  }
}

function invalid(message: string): OtaError {
  return new OtaError('channel-invalid', message);
}
