import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runOta } from '../support/io.ts';

/** The address of a server that answers like this. */
async function serverThat(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const list = (server: string) => runOta(['admin', 'list', '--server', server], { cwd: '/' });

describe('the address of a service', () => {
  it('may have a prefix, which stays before the path', async () => {
    const asked: string[] = [];
    const server = await serverThat((request, response) => {
      asked.push(request.url ?? '');
      response.end('[]');
    });
    await list(`${server}/behind/proxy/`);
    await list(server);
    expect(asked).toEqual(['/behind/proxy/api/ota/admin/firmware', '/api/ota/admin/firmware']);
  });

  it('holds no user and no password, and they are not shown', async () => {
    for (const server of ['https://ci:hunter22@ota.example.com', 'ftp://ci:hunter22@host']) {
      const ran = await list(server);
      expect(ran.exitCode).toBe(2);
      expect(ran.stderr).toContain('://***@');
      expect(ran.stderr).not.toContain('hunter22');
    }
  });
});

describe('a service that hangs up in the middle of its answer', () => {
  it('is a broken connection, not a bug', async () => {
    const server = await serverThat((_request, response) => {
      response.writeHead(200, { 'Content-Length': 100 });
      response.write('[{', () => response.destroy());
    });
    const ran = await list(server);
    expect(ran.stderr).toContain('code: connection-failed');
    expect(ran.exitCode).toBe(1);
  });
});
