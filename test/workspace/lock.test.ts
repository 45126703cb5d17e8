import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { changeFiles, stageBytes } from '../../tools/workspace/changes/file-change.ts';
import { withLock } from '../../tools/workspace/changes/lock.ts';
import { code, rejection } from '../support/code.ts';
import { createFolder, snapshot } from '../support/temporary-workspace.ts';
import { passTime, stopTime, until } from '../support/time.ts';

const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

describe('the lock of a workspace', () => {
  it('is gone after the work, also when that failed', async () => {
    const manifest = join(await createFolder(), 'manifest.json');
    expect(await withLock(manifest, async () => isThere(`${manifest}.lock`))).toBe(true);
    const failing = withLock(manifest, () => Promise.reject(new Error('boom')));
    await expect(failing).rejects.toThrow('boom');
    expect(await isThere(`${manifest}.lock`)).toBe(false);
  });

  it('that somebody removed is missed before anything is changed', async () => {
    stopTime();
    const folder = await createFolder({ 'manifest.json': 'old' });
    const manifest = join(folder, 'manifest.json');
    const working = withLock(manifest, (requireHeld) =>
      changeFiles(async (change) => {
        await stageBytes(change, manifest, 'new');
        await rm(`${manifest}.lock`, { recursive: true });
        await passTime(1000);
        await until(() => code(requireHeld) === 'lock-lost');
        requireHeld();
      }),
    );
    expect((await rejection(working)).code).toBe('lock-lost');
    expect(await snapshot(folder)).toEqual({ 'manifest.json': 'old' });
  });
});
