import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { startServer } from './server.ts';
import { createVirtualFlash, type VirtualFlash } from './virtual-flash.ts';

export interface WebDeviceOptions {
  /** Basic authentication; default none is asked for. */
  readonly credentials?: { readonly username: string; readonly password: string };
  readonly flash?: VirtualFlash;
  readonly path?: string;
  /** Default 0: one that is free. */
  readonly port?: number;
  readonly takesAnything?: boolean;
  readonly fault?: WebFault;
}

/**
 * Something that goes wrong on purpose: `refuse` answers before it reads, `reset` and `stall` in the middle
 * (at a byte of the request's body), `vanish` after the whole image, `answer` says other words.
 */
export type WebFault =
  | { readonly does: 'refuse' | 'answer'; readonly status: number; readonly body: string }
  | { readonly does: 'reset' | 'stall'; readonly atByte: number }
  | { readonly does: 'vanish' };

export interface WebDevice {
  readonly host: string;
  readonly port: number;
  readonly flash: VirtualFlash;
  readonly updates: number;
  /** When every client so far has been served. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a virtual device with a web updater as ESPHome's `web_server` has it, which boots in no time. */
export async function startWebDevice(options: WebDeviceOptions = {}): Promise<WebDevice> {
  const flash = options.flash ?? createVirtualFlash();
  let updates = 0;
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { fault } = options;
    const say = (status: number, body: string, headers = {}): void =>
      void response
        .writeHead(status, { 'Content-Type': 'text/plain', Connection: 'close', ...headers })
        .end(body);
    if (!isAuthorized(request, options.credentials)) {
      return say(401, '', { 'WWW-Authenticate': 'Basic realm="Login Required"' });
    }
    if (request.method === 'GET' && request.url === '/') return say(200, 'a page');
    if (request.method !== 'POST' || request.url !== (options.path ?? '/update')) {
      return say(404, 'Not Found');
    }
    if (fault?.does === 'refuse') return say(fault.status, fault.body);
    const body = await readBody(request, fault);
    if (body === undefined) return;
    const image = fileOf(body);
    const writer = flash.begin();
    await writer.write(image);
    if (fault?.does === 'vanish') return void request.socket.resetAndDestroy();
    if (fault?.does === 'answer') return say(fault.status, fault.body);
    if (image[0] !== 0xe9 && options.takesAnything !== true) return say(200, 'Update Failed!');
    writer.commit();
    flash.reboot();
    updates += 1;
    say(200, 'Update Successful!');
  };
  let busy: Promise<unknown> = Promise.resolve();
  const running = await startServer(
    createServer((request, response) => {
      const served = serve(request, response).catch(() => request.socket.destroy());
      busy = Promise.all([busy, served]);
    }),
    options.port,
  );
  return {
    host: '127.0.0.1',
    port: running.port,
    flash,
    get updates() {
      return updates;
    },
    async idle() {
      await busy;
    },
    close: running.close,
  };
}

function isAuthorized(
  request: IncomingMessage,
  credentials: WebDeviceOptions['credentials'],
): boolean {
  if (credentials === undefined) return true;
  const { username, password } = credentials;
  const expected = Buffer.from(`${username}:${password}`).toString('base64');
  return request.headers.authorization === `Basic ${expected}`;
}

async function readBody(
  request: IncomingMessage,
  fault: WebFault | undefined,
): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let received = 0;
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
    received += (chunk as Buffer).length;
    if (fault?.does === 'reset' && received >= fault.atByte) {
      request.socket.resetAndDestroy();
      return;
    }
    if (fault?.does === 'stall' && received >= fault.atByte) {
      request.pause();
      await new Promise((resolve) => request.socket.on('close', resolve));
      return;
    }
  }
  return Buffer.concat(chunks);
}

/** The bytes between the first part's head and the boundary that closes it. */
function fileOf(body: Buffer): Buffer {
  const boundary = body.subarray(0, body.indexOf('\r\n'));
  const start = body.indexOf('\r\n\r\n') + 4;
  return body.subarray(start, body.lastIndexOf(Buffer.concat([Buffer.from('\r\n'), boundary])));
}
