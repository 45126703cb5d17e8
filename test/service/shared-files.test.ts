import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createSharedFiles } from '../../tools/service/artifacts/shared-files.ts';

async function start() {
  const folder = await mkdtemp(join(tmpdir(), 'ota-shared-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'file');
  await writeFile(path, 'first');
  let opened = 0;
  let isOpen = 0;
  const openFile = createSharedFiles(async (some) => {
    const file = await open(some);
    opened += 1;
    isOpen += 1;
    const read = file.read.bind(file) as typeof file.read;
    return {
      read,
      async close() {
        isOpen -= 1;
        await file.close();
      },
    };
  });
  return { path, openFile, opened: () => opened, isOpen: () => isOpen };
}

const textOf = async (file: { read(into: Uint8Array, position: number): Promise<number> }) => {
  const bytes = Buffer.alloc(9);
  return bytes.toString('utf8', 0, await file.read(bytes, 0));
};

describe('files that are open for reading', () => {
  it('share one descriptor, which the last reader closes', async () => {
    const { path, openFile, opened, isOpen } = await start();
    const readers = await Promise.all([openFile(path), openFile(path), openFile(path)]);
    expect(opened()).toBe(1);
    for (const reader of readers) {
      expect(isOpen()).toBe(1);
      expect(await textOf(reader)).toBe('first');
      await reader.close();
    }
    expect(isOpen()).toBe(0);
  });

  it('are opened anew when nobody reads them any more', async () => {
    const { path, openFile, opened } = await start();
    await (await openFile(path)).close();
    await rm(path);
    await writeFile(path, 'second');
    const reader = await openFile(path);
    expect(await textOf(reader)).toBe('second');
    expect(opened()).toBe(2);
    await reader.close();
  });

  it('that are not there fail for all who wait, and are found when they are', async () => {
    const { path, openFile } = await start();
    await rm(path);
    const failed = await Promise.allSettled([openFile(path), openFile(path)]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await writeFile(path, 'third');
    const reader = await openFile(path);
    expect(await textOf(reader)).toBe('third');
    await reader.close();
  });
});
