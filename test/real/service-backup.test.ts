import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fileBlock } from '../support/console-blocks.ts';
import { replaceAll } from '../support/guide-nginx.ts';
import { type Histories, readHistories } from '../support/histories.ts';
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts';
import { run } from '../support/run.ts';
import { adminKey, clientOf } from '../support/service.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';

const guide = readFileSync(resolve(import.meta.dirname, '../../docs/service.md'), 'utf8');
let folder: string;
let server: RealPostgres;
const running: ServiceProcess[] = [];
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.remove());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-backup-'));
  await mkdir(join(folder, 'backup'));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.kill()));
  await rm(folder, { recursive: true, force: true });
});

/** Runs the commands of the guide as they stand there, but for the places; whose the files are and systemd are ours. */
async function follow(name: string, data: string, database: string): Promise<void> {
  const places: [string, string][] = [
    ['/var/lib/ota', data],
    ['/backup', join(folder, 'backup')],
  ];
  const script = `set -e\nsystemctl() { :; }\nchown() { :; }\n${replaceAll(fileBlock(guide, name), places)}`;
  const ran = await run('bash', ['-c', script], { env: { OTA_DATABASE: database } });
  expect(ran, name).toEqual({ exitCode: 0, output: '' });
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const imageOf = (version: string): Buffer => Buffer.from(`an image of version ${version}`);

describe.each([
  ['SQLite', 'sqlite', async (data: string) => `sqlite:${join(data, 'ota.db')}`],
  ['PostgreSQL', 'postgres', () => server.makeUrl()],
])('the backup of the guide for %s', (_name, kind, makeUrl) => {
  async function start(data: string, url: string): Promise<ServiceProcess> {
    const words = ['--data', data, '--database', url];
    const limits = { OTA_DEVICE_RATE_LIMIT: '0', OTA_ADDRESS_RATE_LIMIT: '0' };
    const node = await startServiceProcess(words, {
      cwd: folder,
      env: { API_KEY: adminKey, ...limits },
    });
    running.push(node);
    return node;
  }

  it('gives everything back as it was: releases, histories, tokens and settings', async () => {
    const data = join(folder, 'data');
    const url = await makeUrl(data);
    let node = await start(data, url);
    let client = clientOf(node.url);
    for (const version of ['1.0.0', '2.0.0']) await client.upload(version, imageOf(version));
    await client.rollout('all', '2.0.0');
    await useFleet(client, 60);
    const { token } = (
      await client.call('POST', '/api/v1/tokens', { subject: 'x', kind: 'admin', role: 'viewer' })
    ).body;
    const before = await pictureOf(client);
    await follow(`backup-${kind}.sh`, data, url);
    // What comes after the backup is gone with the disaster.
    await client.upload('3.0.0', imageOf('3.0.0'));
    await useFleet(client, 80);
    await node.kill();
    const histories = await readHistories(url);
    expect(histories.size).toBe(80);
    await rm(join(data, 'artifacts'), { recursive: true });
    await follow(`restore-${kind}.sh`, data, url);
    const restored = await readHistories(url);
    expect(restored.size).toBe(60);
    for (const [id, lines] of restored) expect(lines).toEqual(histories.get(id));
    node = await start(data, url);
    client = clientOf(node.url);
    expect(await pictureOf(client)).toEqual(before);
    await expectDownloads(client, ['1.0.0', '2.0.0']);
    const headers = { authorization: `Bearer ${token}` };
    expect((await client.call('GET', '/api/admin/devices', undefined, headers)).status).toBe(200);
    await useFleet(client, 100); // and it goes on
  });

  it('is consistent when it is taken in the middle of everything', async () => {
    const data = join(folder, 'data');
    const url = await makeUrl(data);
    const node = await start(data, url);
    const client = clientOf(node.url);
    await client.upload('2.0.0', imageOf('2.0.0'));
    await client.rollout('all', '2.0.0');
    let busy = true;
    let uploads = 0;
    let devices = 0;
    const load = [
      ...Array.from({ length: 8 }, async () => {
        while (busy) await updateOne(client, `busy-${++devices}`);
      }),
      (async () => {
        while (busy) await client.upload(`3.0.${++uploads}`, imageOf(`3.0.${uploads}`));
      })(),
    ];
    while (devices < 50 || uploads < 5) await new Promise((resolve) => setImmediate(resolve));
    const known = uploads - 1;
    await follow(`backup-${kind}.sh`, data, url);
    const after = devices;
    while (devices < after + 30) await new Promise((resolve) => setImmediate(resolve));
    busy = false;
    await Promise.all(load);
    await node.stop();
    const whole = await readHistories(url);
    // Put back elsewhere, as after the loss of a machine.
    const other = join(folder, 'other');
    await mkdir(other);
    const otherUrl = await makeUrl(other);
    await follow(`restore-${kind}.sh`, other, otherUrl);
    const restored = await readHistories(otherUrl);
    expectBeginnings(restored, whole);
    const second = clientOf((await start(other, otherUrl)).url);
    const { body } = await second.call('GET', '/api/admin/firmware/releases?limit=100');
    const versions = (body.releases as unknown as { version: string }[]).map(
      ({ version }) => version,
    );
    expect(versions.length).toBeGreaterThanOrEqual(known);
    await expectDownloads(second, versions);
  });

  it('can be put back over a service that has run since', async () => {
    const data = join(folder, 'data');
    const url = await makeUrl(data);
    const node = await start(data, url);
    const client = clientOf(node.url);
    await client.upload('1.0.0', imageOf('1.0.0'));
    await follow(`backup-${kind}.sh`, data, url);
    await follow(`backup-${kind}.sh`, data, url); // the next night
    await client.upload('2.0.0', imageOf('2.0.0'));
    await node.kill(); // with a journal that is not the backup's
    await follow(`restore-${kind}.sh`, data, url);
    const again = clientOf((await start(data, url)).url);
    const { body } = await again.call('GET', '/api/admin/firmware/releases');
    expect(body.releases).toMatchObject([{ version: '1.0.0' }]);
    await expectDownloads(again, ['1.0.0']);
  });
});

type Client = ReturnType<typeof clientOf>;

async function updateOne(client: Client, id: string): Promise<void> {
  await client.check(id, '1.0.0');
  for (const status of ['downloading', 'installing', 'success'])
    await client.report(id, '2.0.0', status);
  await client.check(id, '2.0.0');
}

/** Devices number 1 to `count` update; those that have stay as they are. */
async function useFleet(client: Client, count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, index) => `fleet-${index + 1}`);
  await Promise.all(
    ids.map(async (id) => {
      const { body } = await client.call('GET', `/api/admin/devices/${id}`);
      if (body.current_firmware_version !== '2.0.0') await updateOne(client, id);
    }),
  );
}

/** All that an administrator can see, but for times of last words, which no backup waits for. */
async function pictureOf(client: Client): Promise<unknown[]> {
  const paths = [
    '/api/admin/firmware/releases?limit=100',
    '/api/admin/rollouts',
    '/api/admin/update-status?limit=1000',
    '/api/admin/events',
    '/api/v1/keys',
  ];
  return Promise.all(paths.map(async (path) => (await client.call('GET', path)).body));
}

async function expectDownloads(client: Client, versions: readonly string[]): Promise<void> {
  for (const version of versions)
    expect(sha256(await client.download(version)), version).toBe(sha256(imageOf(version)));
}

/** What was copied is what happened, up to a moment. */
function expectBeginnings(some: Histories, whole: Histories): void {
  expect(some.size).toBeGreaterThan(0);
  for (const [id, lines] of some) {
    const all = whole.get(id) ?? [];
    expect(lines).toEqual(all.slice(0, lines.length));
  }
}
