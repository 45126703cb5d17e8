import { createServer, request as forward } from 'node:http';
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
import { startServer } from '../../tools/simulator/server.ts';
import { deferWriteErrors } from '../../tools/transports/write-errors.ts';

export interface TestProxy {
  readonly url: string;
  /** What was asked of it: `CONNECT host:port`, or `PUT http://…`. */
  readonly requests: readonly string[];
  /** The credentials that came with each. */
  readonly authorizations: readonly (string | undefined)[];
}

/** A proxy that tunnels CONNECT and passes plain requests on; `status` refuses everything. */
export async function createProxy(status?: number): Promise<TestProxy> {
  const requests: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    requests.push(`${method} ${url}`);
    authorizations.push(headers['proxy-authorization']);
    const onward = forward(url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  server.on('connect', (request, client) => {
    requests.push(`${request.method} ${request.url}`);
    authorizations.push(request.headers['proxy-authorization']);
    client.on('error', () => {});
    if (status !== undefined) {
      client.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const [host = '', port = ''] = (request.url ?? '').split(':');
    const upstream = deferWriteErrors(connect(Number(port), host)).on('connect', () => {
      client.write('HTTP/1.1 200 Connected\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
    upstream.on('error', () => client.end());
    client.on('close', () => upstream.destroy());
  });
  const running = await startServer(server);
  onTestFinished(running.close);
  return { url: `http://127.0.0.1:${running.port}`, requests, authorizations };
}
