import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** Accepts connections and never says a word. */
export interface SilentServer {
  readonly port: number;
  /** Resolves when a client has connected, and when that client is gone again. */
  readonly connected: Promise<void>;
  readonly disconnected: Promise<void>;
  close(): Promise<void>;
}

export async function createSilentServer(): Promise<SilentServer> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.resume();
    socket.on('close', () => server.emit('gone'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connected: once(server, 'connection').then(() => {}),
    disconnected: once(server, 'gone').then(() => {}),
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}

/** The same for datagrams, where nobody connects: who was heard is as good as gone. */
export async function createSilentUdpServer(): Promise<SilentServer> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const heard = once(socket, 'message').then(() => {});
  return {
    port: socket.address().port,
    connected: heard,
    disconnected: heard,
    close: () => new Promise((resolve) => void socket.close(() => resolve())),
  };
}

/** Ports below the range from which systems take those for `listen(0)` and for outgoing connections. */
const firstFreePort = 12_000;
/** Workers that run beside each other look in ranges of their own. */
const portsPerWorker = 1000;

/** A port for a server that is started later, or goes away and comes back. */
export async function findFreePort(): Promise<number> {
  const worker = Number(process.env.VITEST_POOL_ID ?? 0) % 16;
  for (;;) {
    const offset = worker * portsPerWorker + Math.floor(Math.random() * portsPerWorker);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(firstFreePort + offset, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return firstFreePort + offset;
  }
}
