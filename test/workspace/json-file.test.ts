import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readJsonFile } from '../../tools/workspace/json-file.ts';
import { rejection } from '../support/code.ts';
import { createFolder } from '../support/temporary-workspace.ts';

const read = (path: string) => readJsonFile(path, 'manifest-missing', 'Give another path.');

describe('reading JSON', () => {
  it('gives the value, a byte order mark ignored', async () => {
    const folder = await createFolder({ 'a.json': '\uFEFF{"a":1}' });
    expect(await read(join(folder, 'a.json'))).toEqual({ a: 1 });
  });

  it.each([
    ['{\n  "a": 1,\n  "b" 2\n}', 'colon expected at line 3, column 7'],
    ['{"a": 1,}', 'property name expected at line 1, column 9'],
    ['{"a": 1', 'close brace expected at line 1, column 8'],
    ['', 'value expected at line 1, column 1'],
    ['// no\n{}', 'invalid comment token at line 1, column 1'],
  ])('names line and column of what is wrong in %j', async (text, where) => {
    const folder = await createFolder({ 'a.json': text });
    const error = await rejection(read(join(folder, 'a.json')));
    expect(error.code).toBe('json-invalid');
    expect(error.message).toContain(where);
  });

  it('says that a file is missing, with the hint of its caller', async () => {
    const folder = await createFolder();
    expect(await rejection(read(join(folder, 'none.json')))).toMatchObject({
      code: 'manifest-missing',
      hint: 'Give another path.',
    });
  });

  it('refuses a folder and an absurd size', async () => {
    const folder = await createFolder({ 'big.json': new Uint8Array(16 * 1024 * 1024 + 1) });
    expect((await rejection(read(folder))).code).toBe('manifest-unreadable');
    expect((await rejection(read(join(folder, 'big.json')))).code).toBe('manifest-unreadable');
  });
});
