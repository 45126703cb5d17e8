import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { adminKey, startService } from '../support/service.ts';

const large = Buffer.alloc(3_000_000, 'x');
const form = Buffer.concat([
  Buffer.from('--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'),
  large,
  Buffer.from('\r\n--b--\r\n'),
]);

/** One connection that is used again and again, as a publisher behind a proxy has it. */
function oneConnection(url: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const sockets = new Set<unknown>();
  return {
    sockets,
    async send(method: string, path: string, headers: object = {}, body?: Buffer) {
      const sending = request(`${url}${path}`, { method, agent, headers: { ...headers } });
      sending.end(body);
      const [answer] = (await once(sending, 'response')) as [IncomingMessage];
      sockets.add(answer.socket);
      return { status: answer.statusCode, body: await text(answer) };
    },
  };
}

const doors = [
  [
    'PUT',
    '/api/v1/firmware?model=esp32&version=1.1.0',
    { 'content-type': 'application/octet-stream' },
    large,
  ],
  [
    'POST',
    '/api/admin/firmware/upload?version=1.1.0&device_model=esp32',
    { 'content-type': 'multipart/form-data; boundary=b' },
    form,
  ],
  ['POST', '/api/ota/admin/upload', { 'content-type': 'multipart/form-data; boundary=b' }, form],
] as const;

describe.each(doors)(
  'an upload by %s %s that is refused in the middle',
  (method, path, headers, body) => {
    it.each([
      ['because it is too large', adminKey, 413],
      ['because the key is wrong', 'wrong', 401],
    ])('%s is answered, and the connection goes on', async (_why, key, status) => {
      const service = await startService({ settings: { maxUploadBytes: 2_000_000 } });
      const { send, sockets } = oneConnection(service.url);
      for (let turn = 0; turn < 2; turn += 1) {
        const answer = await send(method, path, { ...headers, 'x-api-key': key }, body);
        expect(answer.status).toBe(status);
        expect(await send('GET', '/health')).toMatchObject({ status: 200 });
      }
      expect(sockets.size).toBe(1);
    });
  },
);

describe('a body that nobody wants', () => {
  it('is not read without end', async () => {
    const service = await startService({ settings: { maxUploadBytes: 1_000_000 } });
    const sending = request(`${service.url}/api/v1/firmware?model=esp32&version=1.1.0`, {
      method: 'PUT',
      headers: { 'x-api-key': adminKey, 'content-type': 'application/octet-stream' },
    });
    let sent = 0;
    const more = (): void => {
      while (sending.write(large)) sent += large.length;
      sent += large.length;
    };
    sending.on('drain', more);
    const ended = new Promise((resolve) => sending.on('error', resolve).on('close', resolve));
    more();
    await ended;
    expect(sent).toBeLessThan(50_000_000);
    expect((await fetch(`${service.url}/health`)).status).toBe(200);
  });
});
