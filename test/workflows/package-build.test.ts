import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseImage } from '../../tools/core/image/parse-image.ts';
import { runOta } from '../support/io.ts';
import { sampleBuild } from '../support/sample-build.ts';
import { createFolder, sampleManifest } from '../support/temporary-workspace.ts';
import { writeBuild } from '../support/write-build.ts';

async function createProduct(): Promise<string> {
  const cwd = await createFolder({
    'ota/manifest.json': sampleManifest({ product: { name: 'Blinky', hardware: 'esp32c3' } }),
  });
  await writeBuild(join(cwd, 'build'), sampleBuild);
  return cwd;
}

const words = ['package', '--build-dir', 'build', '--update-manifest', '--json'];

describe('packaging a whole build', () => {
  it('takes binary and version from the build, and tells what the image is', async () => {
    const cwd = await createProduct();
    const { exitCode, stdout, stderr } = await runOta(words, { cwd });
    expect([exitCode, stderr]).toEqual([0, '']);
    const { release } = JSON.parse(stdout);
    expect(release).toMatchObject({
      version: '1.2.3',
      image: { chip: 'esp32c3', project: 'blinky', app_version: '1.2.3', secure_version: 0 },
      artifacts: [{ filename: 'Blinky-1.2.3.bin', role: 'app', offset: 0x10000 }],
    });
    expect(release.image.validation_hash).toMatch(/^[0-9a-f]{64}$/);
    expect((await runOta(['validate'], { cwd })).exitCode).toBe(0);
    expect((await runOta(['verify'], { cwd })).exitCode).toBe(0);
  });

  it('takes the parts along that are asked for, with role and flash address', async () => {
    const cwd = await createProduct();
    const parts = ['--with', 'bootloader,partition-table', '--with', 'otadata', '--with', 'merged'];
    const { exitCode, stdout, stderr } = await runOta([...words, ...parts], { cwd });
    expect([exitCode, stderr]).toEqual([0, '']);
    const { artifacts } = JSON.parse(stdout).release;
    const shown = artifacts.map((artifact: { filename: string; role: string; offset: number }) => [
      artifact.filename,
      artifact.role,
      artifact.offset,
    ]);
    expect(shown).toEqual([
      ['Blinky-1.2.3.bin', 'app', 0x10000],
      ['Blinky-1.2.3-bootloader.bin', 'bootloader', 0],
      ['Blinky-1.2.3-partition-table.bin', 'partition-table', 0x8000],
      ['Blinky-1.2.3-otadata.bin', 'otadata', 0xd000],
      ['Blinky-1.2.3-merged.bin', 'merged', 0],
    ]);
    const merged = await readFile(join(cwd, 'ota/versions/1.2.3/Blinky-1.2.3-merged.bin'));
    expect(parseImage(merged).kind).toBe('merged');
    expect(JSON.parse((await runOta([...words, ...parts], { cwd })).stdout).outcome).toBe(
      'unchanged',
    );
    expect((await runOta(['verify'], { cwd })).exitCode).toBe(0);
  });

  it('sends only the app over the air', async () => {
    const cwd = await createProduct();
    await runOta([...words, '--with', 'merged,bootloader'], { cwd });
    const { stdout } = await runOta(['deploy', '--version', '1.2.3', '--dry-run', '--json'], {
      cwd,
    });
    const deliveries: { filename: string }[] = JSON.parse(stdout).deliveries;
    expect([...new Set(deliveries.map(({ filename }) => filename))]).toEqual(['Blinky-1.2.3.bin']);
  });

  it('removes parts that no longer belong to the release', async () => {
    const cwd = await createProduct();
    await runOta([...words, '--with', 'bootloader'], { cwd });
    const { stdout } = await runOta(words, { cwd });
    expect(JSON.parse(stdout).outcome).toBe('replaced');
    expect((await runOta(['verify', '--json'], { cwd })).stdout).not.toContain('orphan');
  });

  it.each([
    [['--build-dir', 'build', '--with', 'bootlader'], 'usage', 'did you mean "bootloader"?'],
    [['--build-dir', 'nowhere'], 'build-missing', 'Build first'],
    [['--version', '1.0.0'], 'usage', 'Give --binary and --version, or --build-dir.'],
    [['--binary', 'x.bin', '--version', '1', '--with', 'merged'], 'usage', 'build-dir'],
  ])('refuses %j', async (flags, code, text) => {
    const cwd = await createProduct();
    const { exitCode, stderr } = await runOta(['package', ...flags], { cwd });
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`code: ${code}`);
    expect(stderr).toContain(text);
  });
});
