import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts';
import { adminKey, clientOf } from '../support/service.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';

const env = { API_KEY: adminKey, OTA_DEVICE_RATE_LIMIT: '0', OTA_ADDRESS_RATE_LIMIT: '0' };
const running: ServiceProcess[] = [];
let folder: string;
let server: RealPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.remove());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-kill-'));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.kill()));
  await rm(folder, { recursive: true, force: true });
});

const steps = ['downloading', 'downloaded', 'installing', 'success'] as const;
/** The states in which an attempt may stand after so many steps. */
const states = ['pending', 'downloading', 'downloaded', 'installing', 'installed'];
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Uploads that have sent half of their bytes and stand still. */
async function startHalfUploads(url: string): Promise<Socket[]> {
  const bytes = randomBytes(200_000);
  const form = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n';
  const upload = async (line: string, type: string, head: string): Promise<Socket> => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(
      `${line} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${adminKey}\r\nContent-Type: ${type}\r\n` +
        `Content-Length: ${bytes.length * 2}\r\n\r\n${head}`,
    );
    socket.write(bytes);
    return socket;
  };
  return Promise.all([
    upload('PUT /api/v1/firmware?model=esp32&version=8.0.0', 'application/octet-stream', ''),
    upload('POST /api/ota/admin/upload', 'multipart/form-data; boundary=b', form),
  ]);
}

/** Waits until files are arriving. */
async function halfUploadsArrive(artifacts: string, count: number): Promise<void> {
  for (;;) {
    const names = await readdir(join(artifacts, 'incoming')).catch(() => []);
    if (names.length >= count) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe.each([
  ['SQLite', async () => []],
  ['PostgreSQL', async () => ['--database', await server.makeUrl()]],
])('a service on %s that is killed again and again under load', (_name, words) => {
  it('loses nothing that it acknowledged, and keeps nothing by half', async () => {
    const flags = await words();
    const artifacts = join(folder, 'ota-data/artifacts');
    const start = async (): Promise<ServiceProcess> => {
      const node = await startServiceProcess(flags, { cwd: folder, env });
      running.push(node);
      return node;
    };
    let node = await start();
    let client = clientOf(node.url);
    const images = new Map<string, Buffer>([['2.0.0', randomBytes(50_000)]]);
    await client.upload('2.0.0', images.get('2.0.0') ?? Buffer.alloc(0));
    await client.rollout('every', '2.0.0');
    const ids = Array.from({ length: 300 }, (_, index) => `d${index}`);
    for (const id of ids) await client.check(id, '1.0.0');
    const reached = new Map<string, number>(ids.map((id) => [id, 0]));
    const published: string[] = [];
    for (let round = 1; round <= steps.length; round += 1) {
      const sockets = await startHalfUploads(node.url);
      await halfUploadsArrive(artifacts, sockets.length);
      const version = `3.0.${round}`;
      images.set(version, randomBytes(300_000));
      const upload = client.upload(version, images.get(version) ?? Buffer.alloc(0)).then(
        ({ status }) => status === 200 && published.push(version),
        () => undefined,
      );
      await Promise.all([upload, reportUntilDeath(node, reached)]);
      for (const socket of sockets) socket.destroy();
      node = await start();
      client = clientOf(node.url);
      await expectNothingByHalf(client, images, published);
      if (flags.length === 0) expect(await readdir(join(artifacts, 'incoming'))).toEqual([]);
      const stored = await statesOf(client);
      for (const [id, acknowledged] of reached) {
        const now = states.indexOf(stored.get(id) ?? '');
        // What was stored may have lost its answer only.
        expect([acknowledged, acknowledged + 1], id).toContain(now);
        reached.set(id, now);
      }
    }
    expect([...reached.values()].filter((step) => step >= 2).length).toBeGreaterThan(50);
  }, 120_000);
});

/** Every device reports its next step; the service is killed while they do. Notes what was acknowledged. */
async function reportUntilDeath(node: ServiceProcess, reached: Map<string, number>): Promise<void> {
  const client = clientOf(node.url);
  let answered = 0;
  await Promise.all(
    [...reached].map(async ([id, step]) => {
      const answer = await client.report(id, '2.0.0', steps[step] ?? '').catch(() => undefined);
      if (answer?.status === 200) reached.set(id, step + 1);
      answered += 1;
      if (answered === 100) await node.kill();
    }),
  );
}

async function statesOf(client: ReturnType<typeof clientOf>): Promise<Map<string, string>> {
  const { body } = await client.call('GET', '/api/admin/update-status?limit=1000');
  const updates = body.updates as unknown as { device_id: string; state: string }[];
  return new Map(updates.map(({ device_id: id, state }) => [id, state]));
}

/** Every release that is there has all of its bytes; those that were acknowledged are there. */
async function expectNothingByHalf(
  client: ReturnType<typeof clientOf>,
  images: ReadonlyMap<string, Buffer>,
  published: readonly string[],
): Promise<void> {
  const { body } = await client.call('GET', '/api/admin/firmware/releases?limit=100');
  const versions = (body.releases as unknown as { version: string }[]).map(
    ({ version }) => version,
  );
  expect(versions).toEqual(expect.arrayContaining([...published, '2.0.0']));
  for (const version of versions) {
    const file = await client.download(version);
    expect(sha256(file)).toBe(sha256(images.get(version) ?? Buffer.alloc(0)));
  }
}
