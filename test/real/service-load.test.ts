import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type OpenSocket,
  openFileLimit,
  openSocket,
  peakMemoryMiB,
} from '../support/many-sockets.ts';
import { adminKey, clientOf } from '../support/service.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';

const fleetSize = 10_000;
const image = Buffer.alloc(60_000, 'an image of another kind ');
let folder: string;
let node: ServiceProcess;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-load-'));
});
afterEach(async () => {
  await node.kill();
  await rm(folder, { recursive: true, force: true });
});

async function start(env: Record<string, string> = {}) {
  node = await startServiceProcess([], { cwd: folder, env: { API_KEY: adminKey, ...env } });
  const client = clientOf(node.url);
  await client.upload('2.0.0', image);
  await client.rollout('all', '2.0.0');
  return { client, port: Number(new URL(node.url).port) };
}

const idOf = (index: number): string => `device-${index}`;
const checkPath = (id: string, version: string): string =>
  `/api/firmware/check?device_id=${id}&device_model=esp32&current_version=${version}`;
const reportPath = (id: string): string => `/api/device/${id}/update-status`;
const bodyOf = (id: string, status: string) => ({
  device_id: id,
  firmware_version: '2.0.0',
  status,
});

/** Hands the numbers of all devices to so many workers. */
async function byWorkers(count: number, use: (index: number, worker: number) => Promise<void>) {
  const indexes = Array.from({ length: fleetSize }, (_, index) => index).values();
  async function work(_: unknown, worker: number): Promise<void> {
    for (const index of indexes) await use(index, worker);
  }
  await Promise.all(Array.from({ length: count }, work));
}

describe('10,000 devices at once', () => {
  it('each on a socket of its own, are all answered, and all that they say is kept', async () => {
    const { client, port } = await start({ OTA_ADDRESS_RATE_LIMIT: '0' });
    // As many as this machine lets a process have, should that be fewer.
    const most = Math.min(openFileLimit(), openFileLimit(node.pid)) - 500;
    const count = Math.min(fleetSize, most);
    expect(count).toBeGreaterThan(3000);
    const sockets: OpenSocket[] = [];
    for (let first = 0; first < count; first += 250)
      sockets.push(
        ...(await Promise.all(
          Array.from({ length: Math.min(250, count - first) }, () => openSocket(port)),
        )),
      );
    /** Everybody speaks in the same moment; what the answers were, by status. */
    const all = async (ask: (socket: OpenSocket, id: string) => ReturnType<OpenSocket['ask']>) => {
      const answers = await Promise.all(sockets.map((socket, index) => ask(socket, idOf(index))));
      const statuses: Record<string, number> = {};
      for (const answer of answers) {
        const status = String(answer?.status);
        statuses[status] = (statuses[status] ?? 0) + 1;
      }
      return statuses;
    };
    const fine = { 200: count };
    expect(await all((socket, id) => socket.ask('GET', checkPath(id, '1.0.0')))).toEqual(fine);
    for (const status of ['downloading', 'success'])
      expect(
        await all((socket, id) => socket.ask('POST', reportPath(id), bodyOf(id, status))),
      ).toEqual(fine);
    expect(await all((socket, id) => socket.ask('GET', checkPath(id, '2.0.0')))).toEqual(fine);
    const { body } = await client.call('GET', '/api/admin/rollout/all');
    expect(body.attempts).toEqual({ confirmed: count });
    expect((await client.call('GET', '/metrics')).body).toMatchObject({ total_devices: count });
    expect(peakMemoryMiB(node.pid)).toBeLessThan(700);
    for (const socket of sockets) socket.close();
    expect(await node.stop()).toBe(0);
  }, 180_000);

  it('over 200 connections, each update as a whole', async () => {
    const { client, port } = await start({ OTA_ADDRESS_RATE_LIMIT: '0' });
    const sockets = await Promise.all(Array.from({ length: 200 }, () => openSocket(port)));
    let downloaded = 0;
    await byWorkers(sockets.length, async (index, worker) => {
      const socket = sockets[worker] as OpenSocket;
      const id = idOf(index);
      expect((await socket.ask('GET', checkPath(id, '1.0.0')))?.body).toContain('"2.0.0"');
      const file = await socket.ask('GET', '/api/firmware/download/2.0.0');
      downloaded += file?.body.length ?? 0;
      expect((await socket.ask('POST', reportPath(id), bodyOf(id, 'success')))?.status).toBe(200);
      expect((await socket.ask('GET', checkPath(id, '2.0.0')))?.status).toBe(200);
    });
    expect(downloaded).toBe(fleetSize * image.length);
    const { body } = await client.call('GET', '/api/admin/rollout/all');
    expect(body.attempts).toEqual({ confirmed: fleetSize });
    expect(peakMemoryMiB(node.pid)).toBeLessThan(500);
    for (const socket of sockets) socket.close();
  }, 180_000);

  it('from one address beyond its limit are told when to come back, and nobody is lost', async () => {
    const { port } = await start({ OTA_ADDRESS_RATE_LIMIT: '4000' });
    const sockets = await Promise.all(Array.from({ length: 100 }, () => openSocket(port)));
    const statuses: Record<string, number> = {};
    await byWorkers(sockets.length, async (index, worker) => {
      const answer = await sockets[worker]?.ask('GET', checkPath(idOf(index), '1.0.0'));
      const status = String(answer?.status);
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (status === '200') return;
      expect(answer?.body).toContain('"code":"rate-limited"');
      expect(Number(answer?.headers['retry-after'])).toBeGreaterThan(0);
    });
    expect(Object.keys(statuses)).toEqual(['200', '429']);
    const known = statuses['200'] ?? 0;
    expect(known).toBeGreaterThan(3900);
    expect(known + (statuses['429'] ?? 0)).toBe(fleetSize);
    for (const socket of sockets) socket.close();
    await node.stop();
    node = await startServiceProcess([], { cwd: folder, env: { API_KEY: adminKey } });
    const { body } = await clientOf(node.url).call('GET', '/metrics');
    expect(body).toMatchObject({ total_devices: known });
  }, 180_000);
});
