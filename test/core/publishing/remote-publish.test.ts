import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  quoteForShell,
  remoteCleanScript,
  remotePrepareScript,
  remotePublishScript,
} from '../../../tools/core/publishing/remote-publish.ts';
import { createFolder } from '../../support/temporary-workspace.ts';

const bytes = 'firmware';
const text = `{"version":"1.0.0","description":"it's %s\\n"}\n`;
const sha256 = (content: string) => createHash('sha256').update(content).digest('hex');

/** A server's folder in which the upload has arrived, and the script that ends the publication there. */
async function arrived(changes: { firmwareSha256?: string } = {}) {
  const folder = join(await createFolder({ "fw it's/t-firmware": bytes }), "fw it's");
  const fileFor = (role: string, name: string, content: string) => ({
    temporary: join(folder, `t-${role}`),
    path: join(folder, name),
    sha256: sha256(content),
  });
  const firmware = fileFor('firmware', 'firmware-1.bin', bytes);
  const script = remotePublishScript({
    firmware: { ...firmware, sha256: changes.firmwareSha256 ?? firmware.sha256 },
    alias: fileFor('alias', 'firmware.bin', bytes),
    version: { ...fileFor('version', 'version.json', text), text },
  });
  return { folder, script };
}

function sh(script: string) {
  return spawnSync('sh', { input: script, encoding: 'utf8' });
}

describe('a word for the shell', () => {
  it('comes out as it went in', () => {
    const words = fc.string({ unit: 'grapheme' }).filter((value) => !/[\0\p{Cs}]/u.test(value));
    fc.assert(
      fc.property(words, (value) => {
        const printed = execFileSync('sh', ['-c', `printf %s ${quoteForShell(value)}`]);
        expect(printed.toString()).toBe(value);
      }),
      { numRuns: 30 },
    );
  });
});

describe('the script that ends a publication', () => {
  it('gives all three files their names', async () => {
    const { folder, script } = await arrived();
    expect(sh(script)).toMatchObject({ status: 0, stderr: '', stdout: '' });
    const names = ['firmware-1.bin', 'firmware.bin', 'version.json'];
    expect(readdirSync(folder).sort()).toEqual(names);
    expect(names.map((name) => readFileSync(join(folder, name), 'utf8'))).toEqual([
      ...[bytes, bytes, text],
    ]);
  });

  it('names version.json last', async () => {
    const { script } = await arrived();
    const moves = script.split('\n').filter((line) => line.startsWith('mv '));
    expect(moves).toHaveLength(3);
    expect(moves[2]).toContain('version.json');
  });

  it('gives no file its name when one has arrived damaged', async () => {
    const { folder, script } = await arrived({ firmwareSha256: 'ab'.repeat(32) });
    expect(sh(script)).toMatchObject({
      status: 1,
      stderr: `${join(folder, 'firmware-1.bin')} arrived damaged\n`,
    });
    expect(readdirSync(folder).filter((name) => !name.startsWith('t-'))).toEqual([]);
  });

  it('does nothing when it arrives in part', async () => {
    const { folder, script } = await arrived();
    for (let length = 0; length < script.trimEnd().length; length += 40) {
      sh(script.slice(0, length));
    }
    sh(script.trimEnd().slice(0, -1));
    expect(readdirSync(folder)).toEqual(['t-firmware']);
  });
});

describe('the scripts around it', () => {
  it('make folders with odd names, and remove what is told', async () => {
    const folder = await createFolder();
    const odd = join(folder, "a b/$(x) 'y'");
    expect(sh(remotePrepareScript([odd, folder], '.tmp-')).status).toBe(0);
    expect(readdirSync(join(folder, 'a b'))).toEqual(["$(x) 'y'"]);
    const one = join(odd, "it's");
    sh(`: > ${quoteForShell(one)}`);
    expect(readdirSync(odd)).toHaveLength(1);
    expect(sh(remoteCleanScript([one, join(odd, 'none')])).status).toBe(0);
    expect(readdirSync(odd)).toEqual([]);
  });
});
