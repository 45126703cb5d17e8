import { createHash } from 'node:crypto';
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type CreateFile, createDiskStore } from '../../tools/service/artifacts/disk-store.ts';
import { openDatabase } from '../../tools/service/store/database.ts';
import { createStore, openStore } from '../../tools/service/store/store.ts';
import { adminKey, startService } from '../support/service.ts';

const goodImage = Buffer.from('an image of another kind');
const nextImage = Buffer.from('the next image of another kind'.repeat(1000));

async function createFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ota-full-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

type Failure = 'write' | 'half a write' | 'sync' | 'close';

/** A disk that fails as it is told to. */
function fickleDisk() {
  let failure: { readonly at: Failure; readonly code: string } | undefined;
  const fail = (): never => {
    throw Object.assign(new Error(`${failure?.code}: injected`), { code: failure?.code });
  };
  const createFile: CreateFile = async (path) => {
    const file = await open(path, 'wx');
    return {
      async write(bytes, offset) {
        if (failure?.at === 'write') fail();
        if (failure?.at !== 'half a write') return file.write(bytes, offset);
        if (offset > 0) fail();
        return file.write(bytes, 0, Math.ceil(bytes.length / 2));
      },
      sync: async () => (failure?.at === 'sync' ? fail() : file.sync()),
      async close() {
        await file.close();
        if (failure?.at === 'close') fail();
      },
    };
  };
  return {
    createFile,
    breakAt(at: Failure, code: string) {
      failure = { at, code };
    },
    repair() {
      failure = undefined;
    },
  };
}

describe.each<[Failure, string, number, string]>([
  ['write', 'ENOSPC', 507, 'disk-full'],
  ['half a write', 'ENOSPC', 507, 'disk-full'],
  ['sync', 'ENOSPC', 507, 'disk-full'],
  ['close', 'EDQUOT', 507, 'disk-full'],
  ['half a write', 'EFBIG', 507, 'disk-full'],
  ['write', 'EROFS', 500, 'write-failed'],
  ['sync', 'EIO', 500, 'write-failed'],
])('an artifact folder whose %s fails with %s', (at, errno, status, code) => {
  it('keeps nothing of an upload by any door, and what was there', async () => {
    const folder = await createFolder();
    const disk = fickleDisk();
    const artifacts = await createDiskStore(folder, disk.createFile);
    const service = await startService({ artifacts });
    await service.upload('1.0.0', goodImage);
    const form = (): FormData => {
      const fields = new FormData();
      fields.append('device_type', 'esp32');
      fields.append('version', '2.0.0');
      fields.append('register', 'true');
      fields.append('file', new Blob([nextImage]), 'firmware.bin');
      return fields;
    };
    const send = async (
      method: string,
      path: string,
      body: FormData | Buffer<ArrayBuffer>,
      type?: string,
    ) => {
      const headers = {
        'x-api-key': adminKey,
        ...(type === undefined ? {} : { 'content-type': type }),
      };
      const answer = await fetch(`${service.url}${path}`, { method, body, headers });
      return { status: answer.status, body: (await answer.json()) as { code?: string } };
    };
    const doors = () => [
      send('POST', '/api/admin/firmware/upload?version=2.0.0&device_model=esp32', form()),
      send('POST', '/api/ota/admin/upload', form()),
      send(
        'PUT',
        '/api/v1/firmware?model=esp32&version=2.0.0',
        nextImage,
        'application/octet-stream',
      ),
    ];
    disk.breakAt(at, errno);
    for (const door of doors())
      expect(await door).toMatchObject({ status, body: { code, hint: expect.any(String) } });
    expect(await filesIn(folder)).toEqual([createHash('sha256').update(goodImage).digest('hex')]);
    const { body } = await service.call('GET', '/api/admin/firmware/releases');
    expect(body.releases).toMatchObject([{ version: '1.0.0' }]);
    const file = await fetch(`${service.url}/api/firmware/download/1.0.0`);
    expect(Buffer.from(await file.arrayBuffer()).equals(goodImage)).toBe(true);
    disk.repair();
    expect((await service.upload('2.0.0', nextImage)).status).toBe(200);
  });
});

describe('a full disk under the database', () => {
  async function start() {
    const folder = await createFolder();
    const url = `sqlite:${join(folder, 'ota.db')}`;
    const database = await openDatabase(url);
    const { db } = database;
    const service = await startService({
      store: createStore(database),
      artifacts: await createDiskStore(join(folder, 'artifacts')),
    });
    await service.upload('1.0.0', goodImage);
    await service.rollout('all', '1.0.0');
    return {
      url,
      service,
      /** SQLite answers SQLITE_FULL beyond so many pages, as it does when the disk is full. */
      async fill(morePages: number) {
        const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(db);
        const most = (rows[0]?.page_count ?? 0) + morePages;
        await sql`pragma max_page_count = ${sql.lit(most)}`.execute(db);
      },
      makeRoom: () => sql`pragma max_page_count = 1000000`.execute(db),
    };
  }

  it('acknowledges no status that was not stored, and stores every one that was acknowledged', async () => {
    const { url, service, fill, makeRoom } = await start();
    const ids = Array.from({ length: 300 }, (_, index) => `d${index}`);
    for (const id of ids) await service.check(id, '0.9.0');
    await fill(2);
    const answers = await Promise.all(
      ids.map((id) =>
        service.report(id, '1.0.0', 'downloading', { error_message: 'x'.repeat(500) }),
      ),
    );
    const late = await service.report('d0', '1.0.0', 'installing', {
      error_message: 'y'.repeat(2000),
    });
    const statuses = new Set([...answers, late].map(({ status }) => status));
    expect([...statuses].every((status) => status === 200 || status === 507)).toBe(true);
    expect(late).toMatchObject({ status: 507, body: { code: 'disk-full' } });
    expect(late.body.hint).toContain('Make room');
    // Asking goes on: it needs no room.
    expect(await service.check('d1', '0.9.0')).toMatchObject({ update_available: true });
    await makeRoom();
    const refused = ids.filter((_, index) => answers[index]?.status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    const again = await service.report(refused[0] ?? '', '1.0.0', 'installing');
    expect(again.status).toBe(200);
    await service.close();
    const store = await openStore(url);
    const { records } = await store.fleet.read(ids);
    await store.close();
    const began = ids.filter((id) => records.get(id)?.attempt?.state === 'downloading');
    expect(began).toEqual(ids.filter((_, index) => answers[index]?.status === 200));
  });

  it('lets no act of an administrator happen by half', async () => {
    const { service, fill, makeRoom } = await start();
    await fill(0);
    const device_ids = Array.from({ length: 1000 }, (_, index) => `a-device-number-${index}`);
    const large = { target_type: 'specific', target_filter: { device_ids } };
    const refused = await service.rollout('large', '1.0.0', large);
    expect(refused).toMatchObject({ status: 507, body: { code: 'disk-full' } });
    const notes = 'x'.repeat(50_000);
    const form = `&release_notes=${notes.slice(0, 8000)}`;
    expect((await service.upload('2.0.0', nextImage, form)).status).toBe(507);
    expect(
      (await service.call('PATCH', '/api/ota/admin/firmware/1', { description: notes })).status,
    ).toBe(507);
    await makeRoom();
    const rollouts = await service.call('GET', '/api/admin/rollouts');
    const releases = await service.call('GET', '/api/admin/firmware/releases');
    const events = await service.call('GET', '/api/admin/events');
    expect(rollouts.body.rollouts).toMatchObject([{ name: 'all' }]);
    expect(releases.body.releases).toMatchObject([{ version: '1.0.0' }]);
    expect(events.body.events).toHaveLength(2);
    expect((await service.rollout('large', '1.0.0', large)).status).toBe(200);
    expect((await service.upload('2.0.0', nextImage)).status).toBe(200);
  });
});
