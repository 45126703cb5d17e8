import type { AddressInfo, Server, Socket } from 'node:net';
import type { Certificate } from './certificates.ts';

/** TLS settings of a simulated server. */
export interface ServerTls extends Certificate {
  /** When given, clients must show a certificate of this authority. */
  readonly clientCa?: string;
}

export function tlsServerOptions(tls: ServerTls): object {
  const { cert, key, clientCa } = tls;
  const clients =
    clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
  return { cert, key, ...clients };
}

/** A server that listens on the loopback interface. */
export interface RunningServer {
  readonly port: number;
  /** Drops all connections and stops listening. */
  close(): Promise<void>;
}

/** Listens on a free port, or on the given one. */
export async function startServer(server: Server, port = 0): Promise<RunningServer> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A client that goes away in the middle is none of the server's business.
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
