import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fs from 'fs-extra';
import { describe, expect, it } from 'vitest';
import { changeFiles } from '../../tools/workspace/changes/file-change.ts';
import { stageJson, writeJsonFile } from '../../tools/workspace/changes/json-write.ts';
import { rejection } from '../support/code.ts';
import { createFolder, snapshot } from '../support/temporary-workspace.ts';

const stageText = (text: string) => (fd: number) => fs.writeFile(fd, text);

describe('changing files as one', () => {
  it('shows nothing before everything is on disk', async () => {
    const folder = await createFolder({ 'a.json': 'old' });
    await changeFiles(async (change) => {
      await change.stage(join(folder, 'a.json'), stageText('new'));
      await change.stage(join(folder, 'sub/b.json'), stageText('b'));
      expect(await readFile(join(folder, 'a.json'), 'utf8')).toBe('old');
    });
    expect(await snapshot(folder)).toEqual({ 'a.json': 'new', 'sub/': '', 'sub/b.json': 'b' });
  });

  it('leaves everything as it was when a later file cannot be filled, new folders included', async () => {
    const folder = await createFolder({ 'a.json': 'old' });
    const failing = changeFiles(async (change) => {
      await change.stage(join(folder, 'a.json'), stageText('new'));
      await change.stage(join(folder, 'x/y/b.json'), async () => {
        throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      });
    });
    const error = await rejection(failing);
    expect(error.code).toBe('write-failed');
    expect(error.hint).toContain('disk is full');
    expect(await snapshot(folder)).toEqual({ 'a.json': 'old' });
  });

  it('keeps a new folder that somebody else uses by then', async () => {
    const folder = await createFolder();
    const failing = changeFiles(async (change) => {
      await change.stage(join(folder, 'x/b.json'), stageText('b'));
      await writeFile(join(folder, 'x/other.json'), 'other');
      throw Object.assign(new Error('boom'), { code: 'EIO' });
    });
    await expect(failing).rejects.toThrow('boom');
    expect(await snapshot(folder)).toEqual({ 'x/': '', 'x/other.json': 'other' });
  });

  it('can take a staged file back, and remove files afterwards', async () => {
    const folder = await createFolder({ 'old.json': 'old' });
    await changeFiles(async (change) => {
      await change.stage(join(folder, 'a.json'), stageText('a'));
      await change.unstage(join(folder, 'a.json'));
      await change.stage(join(folder, 'b.json'), stageText('b'));
      change.remove(join(folder, 'old.json'));
    });
    expect(await snapshot(folder)).toEqual({ 'b.json': 'b' });
  });

  it('names a path whose parent is a file', async () => {
    const folder = await createFolder({ file: 'x' });
    const error = await rejection(writeJsonFile(join(folder, 'file/a.json'), {}));
    expect(error).toMatchObject({
      code: 'write-failed',
      hint: 'A part of the path is a file, not a folder.',
    });
  });

  it('makes files that others may read, as the umask says', async () => {
    const folder = await createFolder();
    await writeJsonFile(join(folder, 'a.json'), {});
    await writeFile(join(folder, 'reference'), '');
    const modeOf = async (name: string) => (await stat(join(folder, name))).mode & 0o777;
    expect(await modeOf('a.json')).toBe(await modeOf('reference'));
  });

  it('writes JSON with two spaces, keys in their order, and a newline', async () => {
    const folder = await createFolder();
    await changeFiles((change) => stageJson(change, join(folder, 'a.json'), { z: 1, a: [2] }));
    expect(await readFile(join(folder, 'a.json'), 'utf8')).toBe(
      '{\n  "z": 1,\n  "a": [\n    2\n  ]\n}\n',
    );
  });
});
