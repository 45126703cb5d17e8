import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createVirtualFlash } from '../../tools/simulator/virtual-flash.ts';
import { image, listen, push, runs, start } from '../support/esphome.ts';

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
    const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
    const flash = createVirtualFlash({
      bytesPerSecond: 400_000,
      wait,
      now: () => performance.now(),
    });
    const device = await start({ flash, delayMs: 1 });
    await push({ port: device.port }, { timeoutMs: 100 });
    expect(await runs(device)).toBe(true);
  });

  it('a device that stops acknowledging is given up in time, without the last block', async () => {
    const device = await start({ faults: [{ at: 'acknowledge', does: 'mute' }] });
    const sent = push({ port: device.port }, { timeoutMs: 60 });
    await expect(sent).rejects.toMatchObject({
      code: 'timeout',
      retryable: true,
      retryAfterMs: 105_000 - 60,
    });
    await device.idle();
    expect(device.updates).toBe(0);
  });

  it('a device that serves somebody else is busy', async () => {
    const device = await start({ faults: [{ at: 'prepared', does: 'stall' }] });
    const first = push({ port: device.port });
    const stopped = new AbortController();
    await expect(push({ port: device.port }, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'device-busy',
      retryable: true,
    });
    stopped.abort();
    await device.close();
    await expect(first).rejects.toMatchObject({ code: 'connection-failed' });
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
