import type { Socket } from 'node:net';
import type { TlsFiles } from './tls-files.ts';
import { deferWriteErrors } from './write-errors.ts';

export interface SocketOptions {
  /** An IPv6 address stands without brackets. */
  readonly host: string;
  readonly port: number;
  readonly tls?: SocketTls;
  /** A connection that stands already, such as the tunnel of a proxy, to speak TLS over. */
  readonly over?: Socket;
}

export interface SocketTls extends TlsFiles {
  /** Whether the certificate of the other side is checked. */
  readonly verify: boolean;
}

/**
 * Loads what is needed and returns the function that opens a connection. Listeners must be added in the
 * same tick; what is written before the connection stands is kept and sent then.
 */
export async function prepareSocket(options: SocketOptions): Promise<() => Socket> {
  const { host, port, over } = options;
  const net = await import('node:net');
  if (options.tls === undefined) {
    return () => deferWriteErrors(net.connect({ host, port, noDelay: true }));
  }
  const tls = await import('node:tls');
  const { verify, ...files } = options.tls;
  const settings = {
    host,
    port,
    // RFC 6066 §3: an address is not a server name.
    ...(net.isIP(host) === 0 ? { servername: host } : {}),
    ...files,
    rejectUnauthorized: verify,
    ...(over === undefined ? {} : { socket: over }),
  };
  return () => deferWriteErrors(tls.connect(settings).setNoDelay(true));
}

/**
 * Opens a connection and waits until it stands, TLS included.
 *
 * @throws what Node says of the failure, or the reason of the signal
 */
export async function openSocket(options: SocketOptions, signal: AbortSignal): Promise<Socket> {
  const open = await prepareSocket(options);
  signal.throwIfAborted();
  const socket = open();
  const cancel = () => socket.destroy(signal.reason);
  signal.addEventListener('abort', cancel, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      // Stays for good: what befalls the connection later is told by whoever uses it.
      socket.on('error', reject);
      socket.once(options.tls === undefined ? 'connect' : 'secureConnect', resolve);
    });
  } finally {
    signal.removeEventListener('abort', cancel);
  }
  return socket;
}
