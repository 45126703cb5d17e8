import { readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../tools/core/release/manifest.ts';
import { planPrune } from '../../tools/core/release/prune-plan.ts';
import { runOta } from '../support/io.ts';
import {
  createFolder,
  sampleImage,
  sampleManifest,
  snapshot,
} from '../support/temporary-workspace.ts';

async function createVersions(...versions: readonly string[]): Promise<string> {
  const cwd = await createFolder({ 'ota/manifest.json': sampleManifest() });
  for (const version of versions) {
    await writeFile(join(cwd, 'app.bin'), sampleImage(version));
    const words = ['package', '--binary', 'app.bin', '--version', version, '--update-manifest'];
    expect((await runOta(words, { cwd })).stderr).toBe('');
  }
  return cwd;
}

async function idsOf(cwd: string): Promise<string[]> {
  const { versions } = JSON.parse(await readFile(join(cwd, 'ota/manifest.json'), 'utf8'));
  return versions.map(({ id }: { id: string }) => id);
}

const prune = (cwd: string, ...words: readonly string[]) => runOta(['prune', ...words], { cwd });

describe('planning what to prune', () => {
  const plan = (ids: readonly string[], keep: number) => {
    const versions = ids.map((id) => ({ id, manifest: `${id}.json` }));
    const planned = planPrune(parseManifest(sampleManifest({ versions }), 'm'), keep);
    const idsIn = (entries: readonly { id: string }[]) => entries.map(({ id }) => id);
    return { removed: idsIn(planned.removed), manifest: idsIn(planned.manifest.versions) };
  };

  it('keeps the newest by version, not by order, and leaves the order', () => {
    expect(plan(['1.10.0', '1.2.0', '1.9.0'], 2)).toEqual({
      removed: ['1.2.0'],
      manifest: ['1.10.0', '1.9.0'],
    });
  });

  it('keeps what latest means, under however many pre-releases', () => {
    expect(plan(['1.0.0', '1.1.0', '2.0.0-rc.1', '2.0.0-rc.2'], 1)).toEqual({
      removed: ['1.0.0', '2.0.0-rc.1'],
      manifest: ['1.1.0', '2.0.0-rc.2'],
    });
  });

  it('never removes the last one', () => {
    expect(plan(['1.0.0'], 0)).toEqual({ removed: [], manifest: ['1.0.0'] });
    expect(plan([], 3)).toEqual({ removed: [], manifest: [] });
  });
});

describe('ota prune', () => {
  it('removes the oldest versions with their files and folders', async () => {
    const cwd = await createVersions('1.0.0', '1.1.0', '1.2.0');
    await writeFile(join(cwd, 'ota/versions/1.0.0/Gateway-1.0.0.bin.sig'), 'x');
    expect(await prune(cwd, '--keep', '1')).toEqual({
      exitCode: 0,
      stdout: `removed version 1.0.0 (3 files, 2.6 KB)
  ota/versions/1.0.0/ota.json
  ota/versions/1.0.0/Gateway-1.0.0.bin
  ota/versions/1.0.0/Gateway-1.0.0.bin.sig
removed version 1.1.0 (2 files, 2.6 KB)
  ota/versions/1.1.0/ota.json
  ota/versions/1.1.0/Gateway-1.1.0.bin
kept 1.2.0
`,
      stderr: '',
    });
    expect(await idsOf(cwd)).toEqual(['1.2.0']);
    expect(Object.keys(await snapshot(join(cwd, 'ota')))).toEqual([
      'manifest.json',
      'versions/',
      'versions/1.2.0/',
      'versions/1.2.0/Gateway-1.2.0.bin',
      'versions/1.2.0/ota.json',
    ]);
    expect((await runOta(['verify'], { cwd })).exitCode).toBe(0);
  });

  it('shows in a dry run what would go, and touches nothing', async () => {
    const cwd = await createVersions('1.0.0', '1.1.0');
    const before = await snapshot(cwd);
    const ran = await prune(cwd, '--keep', '1', '--dry-run');
    expect(ran.stdout).toBe(`[dry-run] would remove version 1.0.0 (2 files, 2.6 KB)
[dry-run]   ota/versions/1.0.0/ota.json
[dry-run]   ota/versions/1.0.0/Gateway-1.0.0.bin
[dry-run] would keep 1.1.0
`);
    expect(await snapshot(cwd)).toEqual(before);
  });

  it('changes nothing when there are no more than are to stay', async () => {
    const cwd = await createVersions('1.0.0', '1.1.0');
    const before = await snapshot(cwd);
    expect((await prune(cwd, '--keep', '2')).stdout).toBe('kept 1.0.0, 1.1.0\n');
    expect(await snapshot(cwd)).toEqual(before);
  });

  it("leaves other people's files, and the folder that they stand in", async () => {
    const cwd = await createVersions('1.0.0', '1.1.0');
    await writeFile(join(cwd, 'ota/versions/1.0.0/NOTES.txt'), 'precious');
    await prune(cwd, '--keep', '1');
    expect(Object.keys(await snapshot(join(cwd, 'ota/versions/1.0.0')))).toEqual(['NOTES.txt']);
  });

  it('leaves a file that a remaining version uses, too', async () => {
    const cwd = await createVersions('1.0.0', '1.1.0');
    const path = join(cwd, 'ota/versions/1.1.0/ota.json');
    const old = JSON.parse(await readFile(join(cwd, 'ota/versions/1.0.0/ota.json'), 'utf8'));
    await writeFile(path, JSON.stringify({ ...old, version: '1.1.0', base_path: '../1.0.0' }));
    await rm(join(cwd, 'ota/versions/1.1.0/Gateway-1.1.0.bin'));
    await prune(cwd, '--keep', '1');
    expect(await idsOf(cwd)).toEqual(['1.1.0']);
    expect((await runOta(['verify'], { cwd })).stdout).toContain('ok: 1.1.0 Gateway-1.0.0.bin');
  });

  it('takes a version out whose file is gone or damaged', async () => {
    const cwd = await createVersions('1.0.0', '1.1.0', '1.2.0');
    await rm(join(cwd, 'ota/versions/1.0.0'), { recursive: true });
    await writeFile(join(cwd, 'ota/versions/1.1.0/ota.json'), '{');
    expect((await prune(cwd, '--keep', '1')).exitCode).toBe(0);
    expect(await idsOf(cwd)).toEqual(['1.2.0']);
  });

  it('touches nothing when a version that stays cannot be read: its files are not known', async () => {
    const cwd = await createVersions('1.0.0', '1.1.0');
    await writeFile(join(cwd, 'ota/versions/1.1.0/ota.json'), '{');
    const before = await snapshot(cwd);
    const ran = await prune(cwd, '--keep', '1');
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain('code: json-invalid\n');
    expect(await snapshot(cwd)).toEqual(before);
  });

  it('removes what killed processes left, and nothing that may be in use', async () => {
    const cwd = await createVersions('1.0.0');
    const old = ['ota/.ota-tmp-manifest.json-1', 'ota/versions/1.0.0/.ota-tmp-app.bin-2'];
    const young = 'ota/versions/1.0.0/.ota-tmp-app.bin-3';
    for (const name of [...old, young]) await writeFile(join(cwd, name), 'half');
    const now = new Date('2026-02-03T04:05:06Z');
    for (const name of old) await utimes(join(cwd, name), now, new Date(now.getTime() - 3_600_001));
    await utimes(join(cwd, young), now, new Date(now.getTime() - 3_599_999));
    expect(
      (await prune(cwd, '--keep', '1')).stdout,
    ).toBe(`removed what a killed process left: ${old[0]}
removed what a killed process left: ${old[1]}
kept 1.0.0
`);
    expect(Object.keys(await snapshot(cwd)).filter((name) => name.includes('.ota-tmp-'))).toEqual([
      young,
    ]);
  });

  it('removes nothing through a path that leaves the workspace', async () => {
    const cwd = await createVersions('1.0.0', '1.1.0');
    await writeFile(join(cwd, 'precious.bin'), 'x');
    const path = join(cwd, 'ota/versions/1.0.0/ota.json');
    const old = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...old, base_path: '../../..' }));
    await prune(cwd, '--keep', '1');
    expect(await readFile(join(cwd, 'precious.bin'), 'utf8')).toBe('x');
    expect(await idsOf(cwd)).toEqual(['1.1.0']);
  });

  it.each(['0', '-1', '1.5', 'all'])('refuses to keep %s', async (keep) => {
    const cwd = await createVersions('1.0.0');
    const ran = await prune(cwd, '--keep', keep);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain('code: usage\n');
  });
});
