import { createHash } from 'node:crypto';
import { createServer as createTcpServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startWebDevice, type WebDeviceOptions } from '../../tools/simulator/web-device.ts';
import { judgeAnswer } from '../../tools/transports/web/verdict.ts';
import { createWebTransport } from '../../tools/transports/web.ts';
import { factsOf, payloadOf, sendContext } from '../support/deliveries.ts';
import { image, listen } from '../support/esphome.ts';
import { passTime, stopTime, until } from '../support/time.ts';

const transport = createWebTransport({ resolve: async () => ['127.0.0.1'] });

async function start(options: WebDeviceOptions = {}) {
  const device = await startWebDevice(options);
  onTestFinished(device.close);
  return device;
}

function push(device: { port: number; password?: string }, channel = {}, context = {}) {
  const [delivery] = transport.prepare(channel, {
    artifact: factsOf(image),
    devices: [{ host: 'lamp.local', ...device }],
  });
  return delivery?.send(payloadOf(image), sendContext({ timeoutMs: 5000, ...context }));
}

describe('a push to a web updater', () => {
  it('arrives bit by bit the same, and is judged by the answer', async () => {
    const device = await start();
    expect(await push({ port: device.port })).toMatchObject({
      sentBytes: image.length,
      answer: 'Update Successful!',
    });
    expect(device.flash.running?.sha256).toBe(createHash('sha256').update(image).digest('hex'));
  });

  it('authenticates with user and password, at another path', async () => {
    const credentials = { username: 'jane', password: 'pässwörd' };
    const device = await start({ credentials, path: '/u' });
    await push({ port: device.port, password: 'pässwörd' }, { username: 'jane', path: '/u' });
    expect(device.updates).toBe(1);
  });

  it('tells a wrong and a missing password apart', async () => {
    const device = await start({ credentials: { username: 'admin', password: 'right' } });
    await expect(push({ port: device.port, password: 'wrong' })).rejects.toMatchObject({
      code: 'unauthorized',
      retryable: false,
    });
    await expect(push({ port: device.port })).rejects.toMatchObject({
      code: 'device-password-missing',
      retryable: false,
    });
    expect(device.updates).toBe(0);
  });
});

it('refuses a key before anything is sent: it cannot encrypt', () => {
  const devices = [{ host: 'lamp.local', encryptionKey: 'x' }];
  expect(() => transport.prepare({}, { artifact: factsOf(image), devices })).toThrow(
    expect.objectContaining({ code: 'channel-invalid' }),
  );
});

describe('trouble with a web updater', () => {
  it.each([
    [{ does: 'refuse', status: 404, body: 'Not Found' }, 'http-status', false],
    [{ does: 'answer', status: 200, body: 'Update Failed!' }, 'device-error', false],
    [
      { does: 'answer', status: 200, body: 'Update error: ERROR[4]: Not Enough Space\n' },
      'device-no-space',
      false,
    ],
    [{ does: 'answer', status: 500, body: 'Wrong Magic Byte' }, 'device-image-refused', false],
    [{ does: 'answer', status: 200, body: 'Welcome' }, 'device-may-have-committed', false],
    [{ does: 'vanish' }, 'device-may-have-committed', false],
  ] as const)('%j is reported as %s', async (fault, code, retryable) => {
    const device = await start({ fault });
    await expect(push({ port: device.port })).rejects.toMatchObject({ code, retryable });
    expect(device.updates).toBe(0);
  });

  it('an image that the device does not take is refused, although the status is 200', async () => {
    const device = await start();
    const [delivery] = transport.prepare(
      {},
      { artifact: factsOf(Buffer.from('text')), devices: [{ host: 'lamp', port: device.port }] },
    );
    await expect(
      delivery?.send(payloadOf(Buffer.from('text')), sendContext()),
    ).rejects.toMatchObject({ code: 'device-error' });
  });

  it('a device that does not speak HTTP, or nothing at all, ends in time', async () => {
    const ssh = await listen(
      createTcpServer((socket) => void socket.on('error', () => {}).write('SSH-2.0-OpenSSH\r\n')),
    );
    await expect(push({ port: ssh })).rejects.toMatchObject({
      code: 'device-wrong-protocol',
      retryable: false,
    });
    stopTime();
    let connected = false;
    const silent = await listen(
      createTcpServer((socket) => {
        connected = true;
        socket.on('error', () => {}).pause();
      }),
    );
    const failure = expect(push({ port: silent })).rejects.toMatchObject({
      code: 'timeout',
      retryable: true,
    });
    await until(() => connected);
    await passTime(5000);
    await failure;
  });

  it('stops when it is told to', async () => {
    const device = await start({ fault: { does: 'stall', atByte: 1 } });
    const stop = new AbortController();
    const sent = push({ port: device.port }, {}, { signal: stop.signal });
    const failure = expect(sent).rejects.toMatchObject({ code: 'cancelled' });
    setImmediate(() => stop.abort());
    await failure;
  });
});

describe('the answer of a web updater', () => {
  const asked = { path: '/update', hasPassword: true, whole: true };
  const answer = (status: number, body: string, authenticate?: string) => ({
    status,
    body,
    authenticate,
  });

  it.each([
    'Update Successful!',
    'OK',
    '<META http-equiv="refresh" content="15;URL=/">Update Success! Rebooting...\n',
  ])('means success: %j', (body) => {
    expect(judgeAnswer(answer(200, body), asked)).not.toBe('');
  });

  it('means nothing before the whole image was sent', () => {
    expect(() => judgeAnswer(answer(200, 'OK'), { ...asked, whole: false })).toThrow(
      expect.objectContaining({ code: 'device-unexpected-answer', retryable: false }),
    );
  });

  it('says when only digest authentication would do', () => {
    expect(() => judgeAnswer(answer(401, '', 'Digest realm="x"'), asked)).toThrow(
      expect.objectContaining({ code: 'unauthorized', hint: expect.stringContaining('digest') }),
    );
  });
});
