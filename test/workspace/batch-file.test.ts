import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readBatchFile } from '../../tools/workspace/batch-file.ts';
import { rejection } from '../support/code.ts';
import { createFolder } from '../support/temporary-workspace.ts';

describe('a batch file', () => {
  it('is read by its suffix, whatever its case', async () => {
    const folder = await createFolder({
      'a.JSON': [{ host: 'a.local' }],
      'b.csv': 'host\nb.local\n',
    });
    expect(await readBatchFile(join(folder, 'a.JSON'))).toEqual([{ host: 'a.local' }]);
    expect(await readBatchFile(join(folder, 'b.csv'))).toEqual([{ host: 'b.local' }]);
  });

  it.each([
    ['none.json', 'batch-missing'],
    ['devices.txt', 'batch-invalid'],
    ['devices', 'batch-invalid'],
    ['folder.csv', 'batch-unreadable'],
    ['broken.json', 'json-invalid'],
    ['object.json', 'batch-invalid'],
  ])('is refused as %s with a code and a hint', async (name, code) => {
    const folder = await createFolder({
      'devices.txt': 'host\na\n',
      devices: 'host\na\n',
      'folder.csv/file': 'x',
      'broken.json': '[{"host": }]',
      'object.json': { host: 'a.local' },
    });
    const error = await rejection(readBatchFile(join(folder, name)));
    expect(error).toMatchObject({ code, hint: expect.any(String) });
  });
});
