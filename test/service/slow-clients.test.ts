import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ArtifactStore } from '../../tools/service/artifacts/artifact-store.ts';
import { createDiskStore } from '../../tools/service/artifacts/disk-store.ts';
import { adminKey, startService } from '../support/service.ts';

/** Minutes, made short. */
const patience = { headersMs: 400, requestMs: 1200, idleMs: 500, roundMs: 50 };
const image = Buffer.alloc(20_000_000, 'an image of another kind ');

async function start() {
  const folder = await mkdtemp(join(tmpdir(), 'ota-slow-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const disk = await createDiskStore(folder);
  let openFiles = 0;
  const artifacts: ArtifactStore = {
    ...disk,
    async open(sha256) {
      const file = await disk.open(sha256);
      openFiles += 1;
      return {
        ...file,
        async close() {
          await file.close();
          openFiles -= 1;
        },
      };
    },
  };
  const service = await startService({ artifacts, patience, settings: { cacheBytes: 0 } });
  // Not over the network: a busy machine would be too slow for so little patience.
  const { releases } = service.service;
  const file = await releases.take(Readable.from([image]));
  const facts = { model: 'esp32', version: '1.0.0', build: 0, filename: 'app.bin' };
  await releases.register(facts, file, { name: 'test', role: 'admin' });
  const { port } = new URL(service.url);
  const dial = async (): Promise<Socket> => {
    const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  };
  return { service, dial, openFiles: () => openFiles };
}

/** Resolves when the connection has ended, in order or not. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once('close', () => resolve()));
}

/** Sends a piece again and again until the other side has had enough; what it said. */
async function drip(socket: Socket, piece: string, everyMs: number): Promise<string> {
  let heard = '';
  socket.on('data', (bytes: Buffer) => {
    heard += bytes;
  });
  const timer = setInterval(() => socket.write(piece), everyMs);
  await closed(socket);
  clearInterval(timer);
  return heard;
}

describe('a client that is slow', () => {
  it('with its headers is told so and let go, while others are served', async () => {
    const { service, dial } = await start();
    const sockets = await Promise.all(Array.from({ length: 50 }, dial));
    const ends = sockets.map((socket) => {
      socket.write('GET /health HTTP/1.1\r\nHost: x\r\n');
      return drip(socket, 'X-A: b\r\n', 40);
    });
    expect(await service.check('d1', '0.9.0')).toMatchObject({ update_available: false });
    const told = await Promise.all(ends);
    expect(told.some((text) => text.startsWith('HTTP/1.1 408 '))).toBe(true);
    // What a client sends after the end makes its system drop the answer (RFC 9293 §3.10.7).
    for (const text of told) expect(text).toMatch(/^(HTTP\/1\.1 408 |$)/);
  });

  it.each([
    ['POST /api/ota/check', 'application/json', ' '],
    ['PUT /api/v1/firmware?model=esp32&version=9.0.0', 'application/octet-stream', 'x'],
    ['POST /api/ota/admin/upload', 'multipart/form-data; boundary=b', '--b\r\n'],
  ])('with the body of %s is let go, and nothing of it stays', async (line, type, piece) => {
    const { service, dial } = await start();
    const socket = await dial();
    socket.write(
      `${line} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${adminKey}\r\nContent-Type: ${type}\r\n` +
        'Content-Length: 100000\r\n\r\n',
    );
    await drip(socket, piece, 40);
    expect((await service.call('GET', '/health')).status).toBe(200);
    const { body } = await service.call('GET', '/api/admin/firmware/releases');
    expect(body.releases).toMatchObject([{ version: '1.0.0' }]);
  });

  it('and takes nothing of a download is let go, and its file is closed', async () => {
    const { dial, openFiles } = await start();
    const sockets = await Promise.all(Array.from({ length: 20 }, dial));
    const ends = sockets.map(closed);
    for (const socket of sockets) {
      socket.pause();
      socket.write('GET /api/firmware/download/1.0.0 HTTP/1.1\r\nHost: x\r\n\r\n');
    }
    // They see the end when they read on: less came than was announced.
    while (openFiles() === 0) await new Promise((resolve) => setImmediate(resolve));
    while (openFiles() > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    const taken = sockets.map((socket) => {
      let bytes = 0;
      socket.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      socket.resume();
      return () => bytes;
    });
    await Promise.all(ends);
    for (const bytes of taken) expect(bytes()).toBeLessThan(image.length);
  });

  it('but takes a download bit by bit gets all of it', async () => {
    const { dial } = await start();
    const socket = await dial();
    socket.write(
      'GET /api/firmware/download/1.0.0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    let bytes = 0;
    const timer = setInterval(() => socket.resume(), 50);
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      // A pause after every megabyte: longer in all than a client may stand still.
      if (Math.floor(bytes / 1e6) !== Math.floor((bytes - chunk.length) / 1e6)) socket.pause();
    });
    await closed(socket);
    clearInterval(timer);
    expect(bytes).toBeGreaterThan(image.length);
  });
});
