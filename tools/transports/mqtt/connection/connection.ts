import type { Duplex } from 'node:stream';
import type { OtaError } from '../../../core/errors.ts';
import { DeliveryFailure } from '../../../core/release/delivery.ts';
import { toNetworkFailure } from '../../network-failure.ts';
import { prepareSocket } from '../../socket.ts';
import type { TlsFiles } from '../../tls-files.ts';
import { type Broker, peerOf } from './broker-url.ts';

export interface ConnectionOptions {
  readonly broker: Broker;
  readonly tls: TlsFiles;
  /** Accepts any certificate. */
  readonly insecure: boolean;
}

/**
 * Loads what is needed and returns the function that opens the way to a broker. Listeners must be added
 * in the same tick; what is written before the connection stands is kept and sent then.
 */
export async function prepareConnection(options: ConnectionOptions): Promise<() => Duplex> {
  const { broker } = options;
  const { host, port, protocol } = broker;
  if (protocol === 'ws' || protocol === 'wss') return prepareWebSocket(options);
  const tls = broker.tls ? { tls: { ...options.tls, verify: !options.insecure } } : {};
  return prepareSocket({ host, port, ...tls });
}

/** MQTT 5 §6: WebSocket with the subprotocol `mqtt`; packets may straddle frames. */
async function prepareWebSocket(options: ConnectionOptions): Promise<() => Duplex> {
  const { WebSocket, createWebSocketStream } = await import('ws');
  const { broker } = options;
  const url = `${broker.protocol}://${peerOf(broker)}${broker.path}`;
  const settings = {
    ...(broker.tls ? { ...options.tls, rejectUnauthorized: !options.insecure } : {}),
    perMessageDeflate: false,
    maxPayload: maximumAnswerBytes,
  };
  return () => createWebSocketStream(new WebSocket(url, ['mqtt'], settings));
}

/** No broker has more than this to say to a client that only publishes. */
export const maximumAnswerBytes = 65_536;

/**
 * What an error of the stream means. Here every error comes from the network: one without a known code is
 * the WebSocket library's, about an answer that is not WebSocket.
 */
export function toConnectionFailure(error: Error, peer: string): OtaError {
  const status = /^Unexpected server response: (\d+)$/.exec(error.message)?.[1];
  if (status !== undefined) return upgradeRefused(peer, Number(status), error);
  try {
    return toNetworkFailure(error, peer);
  } catch {
    return new DeliveryFailure(
      'connection-failed',
      `the connection to ${peer} broke: ${error.message}`,
      {
        hint: 'Check scheme, port and path of `broker`.',
        retryable: false,
        cause: error,
      },
    );
  }
}

/** RFC 6455 §4.1: anything but 101 is an ordinary HTTP answer. */
function upgradeRefused(peer: string, status: number, cause: Error): DeliveryFailure {
  return new DeliveryFailure(
    status === 401 || status === 403 ? 'unauthorized' : 'connection-failed',
    `${peer} answered the WebSocket upgrade with HTTP status ${status}`,
    {
      hint: 'Check the path of `broker`; many brokers listen at /mqtt.',
      retryable: status >= 500,
      cause,
    },
  );
}
