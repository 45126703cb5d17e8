import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { verify } from '../../tools/workflows/signing/verify.ts';
import { startOta } from '../support/cli-process.ts';
import {
  createFolder,
  sampleImage,
  sampleManifest,
  snapshot,
} from '../support/temporary-workspace.ts';

const words = (version: string): string[] => [
  'package',
  '--binary',
  'app.bin',
  '--version',
  version,
  '--update-manifest',
];

describe('packaging from several processes', () => {
  it('loses no release when eight builds end at once', async () => {
    const cwd = await createFolder({
      'ota/manifest.json': sampleManifest(),
      'app.bin': sampleImage(),
    });
    const versions = Array.from({ length: 8 }, (_, index) => `1.0.${index}`);
    const runs = await Promise.all(
      versions.map((version) => startOta(words(version), { cwd }).done),
    );
    expect(runs.map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual(
      versions.map(() => [0, '']),
    );
    const { verified, findings } = await verify({
      manifestPath: join(cwd, 'ota/manifest.json'),
      now: new Date(0),
    });
    expect(findings).toEqual([]);
    expect(verified.map(({ version }) => version).sort()).toEqual(versions);
  });
});

describe('kill -9 while packaging', () => {
  it('leaves the old or the new files, at whatever moment it comes', async () => {
    const cwd = await createFolder({
      'ota/manifest.json': sampleManifest(),
      'app.bin': buildImage({ chip: 'esp32s3', project: 'g', version: '1', sizeBytes: 8_000_000 }),
    });
    const manifestPath = join(cwd, 'ota/manifest.json');
    let killed = 0;
    for (let round = 0; round < 16; round += 1) {
      const { child, done } = startOta(words(`1.0.${round}`), { cwd });
      setTimeout(() => child.kill('SIGKILL'), 40 + round * 8);
      if ((await done).signal === 'SIGKILL') killed += 1;
      const manifest = JSON.parse(await readFile(manifestPath, 'utf8'));
      expect(manifest.product.name).toBe('Gateway');
      const { findings } = await verify({ manifestPath, now: new Date(0) });
      expect(findings.filter(({ level }) => level === 'error')).toEqual([]);
    }
    expect(killed).toBeGreaterThan(3);
    // The next build waits for the lock of the killed one to grow stale, and then succeeds.
    const next = await startOta(words('2.0.0'), { cwd }).done;
    expect(next).toMatchObject({ exitCode: 0, stderr: '' });
  });
});

describe('a full disk', () => {
  it('ends packaging with a clear error and leaves nothing behind', async () => {
    const cwd = await createFolder({ 'ota/manifest.json': sampleManifest() });
    const ota = join(cwd, 'ota');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', ota]);
    onTestFinished(() => void execFileSync('umount', [ota]));
    await writeFile(join(ota, 'manifest.json'), JSON.stringify(sampleManifest()));
    await writeFile(
      join(cwd, 'app.bin'),
      buildImage({ chip: 'esp32s3', project: 'g', version: '1', sizeBytes: 1_000_000 }),
    );
    const before = await snapshot(ota);
    const ran = await startOta(words('1.0.0'), { cwd }).done;
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toContain('code: write-failed');
    expect(ran.stderr).toContain('The disk is full');
    expect(await snapshot(ota)).toEqual(before);
  });

  it('or a read-only one is named as such', async () => {
    const cwd = await createFolder({ 'app.bin': sampleImage(), 'ota/x': '' });
    const ota = join(cwd, 'ota');
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', ota]);
    onTestFinished(() => void execFileSync('umount', [ota]));
    await writeFile(join(ota, 'manifest.json'), JSON.stringify(sampleManifest()));
    execFileSync('mount', ['-o', 'remount,ro', ota]);
    const ran = await startOta(words('1.0.0'), { cwd }).done;
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toContain('read-only');
  });
});
