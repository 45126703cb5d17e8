import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDiskStore } from '../../tools/service/artifacts/disk-store.ts';
import { artifactStoreContract } from '../contracts/artifact-store.ts';

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-artifacts-'));
});
afterAll(() => rm(folder, { recursive: true }));

artifactStoreContract('on disk', () => createDiskStore(join(folder, `${++count}`)));

describe('an artifact folder', () => {
  const later = Date.now() + 1e9;

  it('may hold files of others, such as those of an older server: they stay', async () => {
    const place = join(folder, `${++count}`);
    const foreign = ['esp32-1.0.0.bin', 'esp32/v1.0.0.bin', 'sha256/readme.txt', 'sha256/ab/note'];
    await mkdir(join(place, 'esp32'), { recursive: true });
    await mkdir(join(place, 'sha256/ab'), { recursive: true });
    for (const name of foreign) await writeFile(join(place, name), 'precious');
    const store = await createDiskStore(place);
    const received = await store.receive(Readable.from([Buffer.from('ours')]), 100);
    await received.keep();
    const { sha256 } = received;
    expect(await store.sweep(new Set(['aa'.repeat(32)]), later, true)).toBe(1);
    await expect(store.open(sha256)).rejects.toMatchObject({ code: 'artifact-missing' });
    for (const name of foreign) expect(await readdir(join(place, name, '..'))).not.toEqual([]);
    const left = await readdir(place, { recursive: true });
    expect(foreign.filter((name) => !left.includes(name))).toEqual([]);
  });

  it('keeps what is arriving, unless nobody else can be writing', async () => {
    const place = join(folder, `${++count}`);
    const store = await createDiskStore(place);
    const half = join(place, 'incoming/0b6f6f7e-3f0c-4a4e-8a35-9d7a1d1f6a11');
    await writeFile(half, 'half an upload');
    expect(await store.sweep(new Set(), Date.now(), false)).toBe(0);
    expect(await store.sweep(new Set(), Date.now(), true)).toBe(1);
    expect(await readdir(join(place, 'incoming'))).toEqual([]);
    await writeFile(half, 'half an upload');
    expect(await store.sweep(new Set(), later, false)).toBe(1);
  });
});
