import type { Socket } from 'node:net';
import type { Dispatcher } from 'undici';
import type { TlsFiles } from '../tls-files.ts';
import { deferWriteErrors } from '../write-errors.ts';

export interface DispatcherOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly tls: TlsFiles;
  /** Whether the certificate of the server is checked. */
  readonly verify: boolean;
  readonly timeoutMs: number;
}

/** What carries a request: straight to the server, or through the proxy that the environment names. */
export async function createDispatcher(options: DispatcherOptions): Promise<Dispatcher> {
  const { EnvHttpProxyAgent, buildConnector } = await import('undici');
  const { env, verify, timeoutMs } = options;
  const target = { ...options.tls, rejectUnauthorized: verify };
  const connect = buildConnector({ ...target, timeout: timeoutMs });
  return new EnvHttpProxyAgent({
    ...proxiesOf(env),
    connect: (to, callback) =>
      connect(to, (...result) => {
        if (result[0] === null) sendHeadersAlone(deferWriteErrors(result[1]));
        callback(...result);
      }),
    requestTls: target,
    // Proxies commonly allow CONNECT to port 443 only.
    proxyTunnel: false,
    // The deadline of the delivery watches over all phases.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

/** An empty text keeps undici from looking into the environment of the process by itself. */
function proxiesOf(env: DispatcherOptions['env']): Record<string, string> {
  return {
    httpProxy: env.http_proxy ?? env.HTTP_PROXY ?? '',
    httpsProxy: env.https_proxy ?? env.HTTPS_PROXY ?? '',
    noProxy: env.no_proxy ?? env.NO_PROXY ?? '',
  };
}

/**
 * undici corks the headers and the start of the body into one write. Over TLS that shifts the body against
 * the records in which it travels, and a server that reads record by record (nginx) needs a quarter more
 * time for the upload.
 */
function sendHeadersAlone(socket: Socket): void {
  socket.cork = () => {};
}
