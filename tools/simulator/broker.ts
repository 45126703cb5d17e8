import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import { type ServerTls, startServer, tlsServerOptions } from './server.ts';

export interface BrokerOptions {
  readonly tls?: ServerTls;
  /** Passwords by user name; anybody may connect when it is left out. */
  readonly users?: Readonly<Record<string, string>>;
  /** Speaks MQTT over WebSocket, at any path. */
  readonly webSocket?: boolean;
  /** A free one by default. */
  readonly port?: number;
}

export interface PublishedMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: number;
  readonly retain: boolean;
  readonly clientId: string;
}

/** An MQTT 3.1.1 broker inside this process, at 127.0.0.1. */
export interface SimulatedBroker {
  /** `mqtt://127.0.0.1:<port>`, or with another scheme. */
  readonly url: string;
  readonly port: number;
  /** Everything that clients have published so far. */
  readonly published: readonly PublishedMessage[];
  close(): Promise<void>;
}

/** Starts a broker. MQTT 5 clients are refused with "unacceptable protocol version", as 3.1.1 demands. */
export async function createBroker(options: BrokerOptions = {}): Promise<SimulatedBroker> {
  const { Aedes } = await import('aedes');
  const { users, webSocket = false } = options;
  const published: PublishedMessage[] = [];
  const aedes = await Aedes.createBroker({
    authenticate(_client, username, password, done) {
      const known =
        users === undefined || (username !== undefined && Object.hasOwn(users, username));
      const expected = users?.[username ?? ''];
      const allowed = known && (users === undefined || password?.toString() === expected);
      // MQTT 3.1.1 §3.2.2.3: 4 is "bad user name or password".
      done(
        allowed ? null : Object.assign(new Error('bad credentials'), { returnCode: 4 }),
        allowed,
      );
    },
  });
  aedes.on('publish', ({ topic, payload, qos, retain }, client) => {
    if (client === null) return;
    published.push({ topic, payload: Buffer.from(payload), qos, retain, clientId: client.id });
  });
  const server = webSocket
    ? await webSocketServer(options, (stream) => void aedes.handle(stream))
    : plainServer(options, (stream) => void aedes.handle(stream));
  const running = await startServer(server, options.port);
  return {
    url: `${schemeOf(options)}://127.0.0.1:${running.port}`,
    port: running.port,
    published,
    async close() {
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      await running.close();
    },
  };
}

function schemeOf({ tls, webSocket }: BrokerOptions): string {
  if (webSocket === true) return tls === undefined ? 'ws' : 'wss';
  return tls === undefined ? 'mqtt' : 'mqtts';
}

function plainServer({ tls }: BrokerOptions, handle: (stream: Duplex) => void): Server {
  if (tls === undefined) return createTcpServer(handle);
  return createTlsServer(tlsServerOptions(tls), handle);
}

async function webSocketServer(
  { tls }: BrokerOptions,
  handle: (stream: Duplex) => void,
): Promise<Server> {
  const { WebSocketServer, createWebSocketStream } = await import('ws');
  const http = tls === undefined ? createHttpServer() : createHttpsServer(tlsServerOptions(tls));
  new WebSocketServer({ server: http, handleProtocols: () => 'mqtt' }).on('connection', (socket) =>
    handle(createWebSocketStream(socket)),
  );
  return http;
}
