import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createVirtualFlash } from '../../tools/simulator/virtual-flash.ts';
import { image, listen, push, runs, start } from '../support/esphome.ts';
import { connectRaw } from '../support/raw-client.ts';
import { passTime, stopTime, until } from '../support/time.ts';

describe('trouble on the way', () => {
  it('drops in the middle of the image may be tried again, and the next attempt succeeds', async () => {
    for (const at of [1, 4096, 30_000]) {
      const device = await start({ faults: [{ at, does: 'reset', sessions: 1 }] });
      await expect(push({ port: device.port })).rejects.toMatchObject({
        code: 'connection-failed',
        retryable: true,
      });
      await push({ port: device.port }, { attempt: 2 });
      expect(await runs(device)).toBe(true);
    }
  });

  it('drops inside the last block may come too late: nobody writes that device again', async () => {
    const device = await start({ faults: [{ at: image.length - 1, does: 'reset' }] });
    await expect(push({ port: device.port })).rejects.toMatchObject({
      code: 'device-may-have-committed',
      retryable: false,
    });
  });

  it('an error answer in the middle of the image is the reason that is reported', async () => {
    for (const generation of ['2023', '2026.10'] as const) {
      for (const at of [1, 4096, 30_000]) {
        const device = await start({ generation, faults: [{ at, does: 'error', answer: 0x83 }] });
        for (const attempt of [1, 2]) {
          await expect(push({ port: device.port }, { attempt })).rejects.toMatchObject({
            code: 'device-flash-failed',
            retryable: false,
          });
        }
      }
    }
  });

  it('a slow flash is no trouble', async () => {
    let nowMs = 0;
    const wait = async (ms: number): Promise<void> => {
      nowMs += ms;
      await turn();
    };
    const flash = createVirtualFlash({ bytesPerSecond: 100_000, wait, now: () => nowMs });
    const device = await start({ flash });
    await push({ port: device.port });
    expect(await runs(device)).toBe(true);
    expect(nowMs).toBeCloseTo((image.length / 100_000) * 1000, -1);
  });

  it('a device that stops acknowledging is given up in time, without the last block', async () => {
    stopTime();
    const device = await start({ faults: [{ at: 'acknowledge', does: 'mute' }] });
    const sent = push({ port: device.port }, { timeoutMs: 60_000 });
    const failure = expect(sent).rejects.toMatchObject({
      code: 'timeout',
      retryable: true,
      retryAfterMs: 45_000,
    });
    await until(() => device.sessions === 1);
    await passTime(60_000);
    await failure;
    await device.idle();
    expect(device.updates).toBe(0);
  });

  it('a device that serves somebody else is busy', async () => {
    stopTime();
    const device = await start({ firmware: { handshakeLimit: { ms: undefined, per: 'message' } } });
    const other = await connectRaw(device.port);
    other.send(Buffer.from('6c26f75c45', 'hex'));
    await other.read(2);
    const failure = expect(push({ port: device.port })).rejects.toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('busy'),
      retryable: true,
    });
    await passTime(5000);
    await failure;
    other.close();
  });

  it('a web server and an SSH server are called by their name', async () => {
    const http = await listen(createHttpServer((_, response) => void response.end()));
    await expect(push({ port: http })).rejects.toMatchObject({
      code: 'device-wrong-protocol',
      message: expect.stringContaining('a web server'),
      retryable: false,
    });
    const ssh = await listen(
      createTcpServer((socket) => {
        socket.on('error', () => {});
        for (const letter of 'SSH-2.0-OpenSSH_9.6\r\n') socket.write(letter);
      }),
    );
    await expect(push({ port: ssh })).rejects.toMatchObject({
      code: 'device-wrong-protocol',
      message: expect.stringContaining('an SSH server'),
    });
  });

  it('says that the device may be updated when it is told to stop after the last byte', async () => {
    const stop = new AbortController();
    const device = await start({
      faults: [{ at: 'committed', does: 'stall' }],
      notify: ({ kind }) => kind === 'stalled' && stop.abort(),
    });
    await expect(push({ port: device.port }, { signal: stop.signal })).rejects.toMatchObject({
      code: 'device-may-have-committed',
      retryable: false,
    });
  });

  it('stops when it is told to, whatever it waits for', async () => {
    const device = await start({ faults: [{ at: 'checksum', does: 'stall' }] });
    const stop = new AbortController();
    const sent = push({ port: device.port }, { signal: stop.signal });
    setImmediate(() => stop.abort());
    await expect(sent).rejects.toMatchObject({ code: 'cancelled' });
    await expect(push({ port: device.port }, { signal: stop.signal })).rejects.toMatchObject({
      code: 'cancelled',
    });
  });
});
