import { createHash } from 'node:crypto';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type ServerTls, startServer, tlsServerOptions } from './server.ts';

/** How one request is answered. */
export type ReceiverReply =
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
      /** Answers as soon as the headers are in, and reads nothing of the body. */
      readonly early?: boolean;
    }
  /** Stops reading after the headers, and never answers. */
  | 'stall';

export interface ReceiverOptions {
  /** Plain HTTP when it is left out. */
  readonly tls?: ServerTls;
  /** Asked for by Basic authentication (RFC 7617). */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** Answers to the first requests, in turn; from then on, or when it is left out, 201. */
  readonly replies?: readonly ReceiverReply[];
  /** A free one by default. */
  readonly port?: number;
}

/** One request that arrived whole. */
export interface Upload {
  readonly method: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** Lowercase hex, computed from what arrived. */
  readonly sha256: string;
}

/** A web server inside this process, at 127.0.0.1, that takes uploads. */
export interface HttpsReceiver {
  /** `https://127.0.0.1:<port>`, or `http://…`. */
  readonly url: string;
  readonly port: number;
  readonly uploads: readonly Upload[];
  close(): Promise<void>;
}

/** Starts a receiver. */
export async function createHttpsReceiver(options: ReceiverOptions = {}): Promise<HttpsReceiver> {
  const { tls, credentials, port } = options;
  const replies = [...(options.replies ?? [])];
  const uploads: Upload[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    if (credentials !== undefined && !isAuthorized(request, credentials)) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="firmware"' }).end('who are you?');
      return;
    }
    const reply = replies.shift() ?? { status: 201, body: 'stored' };
    if (reply === 'stall') {
      request.pause();
      return;
    }
    if (reply.early !== true) uploads.push(await readUpload(request));
    response.writeHead(reply.status, reply.headers).end(reply.body);
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    // A request that breaks off is no upload; there is nobody left to tell.
    handle(request, response).catch(() => response.destroy());
  };
  const server =
    tls === undefined
      ? createHttpServer(listener)
      : createHttpsServer(tlsServerOptions(tls), listener);
  const running = await startServer(server, port);
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${running.port}`,
    port: running.port,
    uploads,
    close: running.close,
  };
}

async function readUpload(request: IncomingMessage): Promise<Upload> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    headers: request.headers,
    body,
    sha256: createHash('sha256').update(body).digest('hex'),
  };
}

function isAuthorized(
  request: IncomingMessage,
  { username, password }: { readonly username: string; readonly password: string },
): boolean {
  const expected = Buffer.from(`${username}:${password}`).toString('base64');
  return request.headers.authorization === `Basic ${expected}`;
}
