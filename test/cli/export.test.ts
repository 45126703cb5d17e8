import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import schema from '../../schemas/export.schema.json' with { type: 'json' };
import { exportFormats } from '../../tools/core/export/index.ts';
import { mergeImages } from '../../tools/core/image/building/merge-images.ts';
import { parseImage } from '../../tools/core/image/parse-image.ts';
import { defineSchema } from '../../tools/core/schema.ts';
import { runOta } from '../support/io.ts';
import { createKey } from '../support/keys.ts';
import { sampleBuild } from '../support/sample-build.ts';
import { createProduct, policyOf } from '../support/signed-product.ts';
import { createFolder, sampleImage, snapshot } from '../support/temporary-workspace.ts';
import { writeBuild } from '../support/write-build.ts';

const sha256 = createHash('sha256').update(sampleImage()).digest('hex');
const checkJson = defineSchema(schema);
const names = exportFormats.map(({ name }) => name);

/** A product with version 1.2.3 of a whole ESP-IDF build. */
async function createBuilt(...parts: readonly string[]): Promise<string> {
  const cwd = await createFolder();
  await writeBuild(join(cwd, 'build'), sampleBuild);
  await runOta(['init', '--build-dir', 'build'], { cwd });
  const words = ['package', '--build-dir', 'build', '--update-manifest', '--with', parts.join(',')];
  const ran = await runOta(words, { cwd });
  expect(ran.exitCode, ran.stderr).toBe(0);
  return cwd;
}

async function exportAs(format: string, cwd: string, ...words: readonly string[]) {
  return runOta(['export', '--format', format, '--out', 'public', ...words], { cwd });
}

/** What a browser would flash: every part of manifest.json, fetched by its URL. */
async function flash(folder: string): Promise<Uint8Array> {
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
  const parts: { path: string; offset: number }[] = manifest.builds[0].parts;
  const base = 'https://example.com/fw/manifest.json';
  return mergeImages(
    await Promise.all(
      parts.map(async ({ path, offset }) => {
        const name = decodeURIComponent(new URL(path, base).pathname.replace('/fw/', ''));
        return { offset, bytes: await readFile(join(folder, name)) };
      }),
    ),
  );
}

describe('ota export', () => {
  it('says what it wrote, what points to others last', async () => {
    const { folder } = await createProduct();
    expect(await exportAs('version-json', folder)).toEqual({
      exitCode: 0,
      stdout: `exported: version 1.2.3 as version-json
  write public/firmware-1.2.3-${sha256.slice(0, 12)}.bin
  write public/firmware.bin
  write public/version.json
  write public/version
`,
      stderr: '',
    });
    expect(await readFile(join(folder, 'public/firmware.bin'))).toEqual(Buffer.from(sampleImage()));
    const version = JSON.parse(await readFile(join(folder, 'public/version.json'), 'utf8'));
    expect(version).toEqual({
      version: '1.2.3',
      build_date: '2026-01-31T12:00:00Z',
      description: '',
      min_version: '0.0.0',
      force_update: false,
      size: sampleImage().length,
      sha256,
      file: `firmware-1.2.3-${sha256.slice(0, 12)}.bin`,
    });
  });

  it('gives the files as JSON, too', async () => {
    const { folder } = await createProduct();
    const { stdout } = await exportAs('checksums', folder, '--json');
    const json = JSON.parse(stdout);
    expect(checkJson(json)).toEqual([]);
    expect(json).toEqual({
      ok: true,
      version: '1.2.3',
      format: 'checksums',
      files: [join(folder, 'public/Gateway-1.2.3.bin'), join(folder, 'public/SHA256SUMS')],
    });
  });

  it('gives a browser parts that make a bootable flash', async () => {
    const cwd = await createBuilt('bootloader', 'partition-table', 'otadata');
    expect((await exportAs('esp-web-tools', cwd)).exitCode).toBe(0);
    expect(parseImage(await flash(join(cwd, 'public'))).kind).toBe('merged');
  });

  it('gives a browser the merged image of a build, which is the same flash', async () => {
    const cwd = await createBuilt('bootloader', 'partition-table', 'otadata', 'merged');
    await exportAs('esp-web-tools', cwd);
    const merged = await flash(join(cwd, 'public'));
    expect(parseImage(merged).kind).toBe('merged');
    const parts = await createBuilt('bootloader', 'partition-table', 'otadata');
    await exportAs('esp-web-tools', parts);
    expect(await flash(join(parts, 'public'))).toEqual(merged);
  });

  it('gives ESPHome the app of a whole build, with the MD5 of its bytes', async () => {
    const cwd = await createBuilt('bootloader', 'partition-table', 'otadata', 'merged');
    await exportAs('esphome', cwd);
    const manifest = JSON.parse(await readFile(join(cwd, 'public/manifest.json'), 'utf8'));
    const { ota, chipFamily } = manifest.builds[0];
    expect(chipFamily).toBe('ESP32-C3');
    const bytes = await readFile(join(cwd, 'public', ota.path));
    expect(parseImage(bytes).kind).toBe('app');
    expect(ota.md5).toBe(createHash('md5').update(bytes).digest('hex'));
  });

  it('replaces an earlier export, and leaves other files', async () => {
    const { folder } = await createProduct();
    await exportAs('version-json', folder);
    await writeFile(join(folder, 'public/index.html'), 'mine');
    await writeFile(join(folder, 'public/firmware.bin'), 'old');
    await exportAs('version-json', folder, '--force-update');
    expect(await readFile(join(folder, 'public/firmware.bin'))).toEqual(Buffer.from(sampleImage()));
    expect(await readFile(join(folder, 'public/version'), 'utf8')).toContain(
      '"force_update": true',
    );
    expect(await readFile(join(folder, 'public/index.html'), 'utf8')).toBe('mine');
  });
});

describe('ota export refuses, and writes nothing:', () => {
  it.each(names)('a damaged artifact, as %s', async (format) => {
    const { folder, artifactPath } = await createProduct();
    await writeFile(artifactPath, sampleImage('1.2.3', 9));
    const before = await snapshot(folder);
    const ran = await exportAs(format, folder);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain('code: artifact-hash-mismatch\n');
    expect(await snapshot(folder)).toEqual(before);
  });

  it.each(names)('an unsigned release where signatures are required, as %s', async (format) => {
    const { folder } = await createProduct(policyOf([createKey()]));
    const before = await snapshot(folder);
    const ran = await exportAs(format, folder);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain('code: signature-missing\n');
    expect(await snapshot(folder)).toEqual(before);
  });

  it('a release without the parts that a format needs', async () => {
    const { folder } = await createProduct();
    const before = await snapshot(folder);
    expect(await exportAs('esp-web-tools', folder)).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `error: release 1.2.3 cannot be exported as esp-web-tools
  - no artifact has the role bootloader
  - no artifact has the role partition-table
  - Gateway-1.2.3.bin has no offset
hint: Package the whole build, with bootloader and partition table, or one merged image.
code: export-impossible
`,
    });
    expect(await snapshot(folder)).toEqual(before);
  });

  it.each<[string, string, readonly string[]]>([
    ['an unknown format', 'usage', ['--format', 'hawkbit', '--out', 'public']],
    ['no folder to write to', 'usage', ['--format', 'checksums']],
    [
      'a flag of another format',
      'usage',
      ['--format', 'checksums', '--out', 'x', '--force-update'],
    ],
    [
      'an unknown version',
      'version-unknown',
      ['--format', 'checksums', '--out', 'x', '--version', '9'],
    ],
  ])('%s', async (_what, code, words) => {
    const { folder } = await createProduct();
    const before = await snapshot(folder);
    const ran = await runOta(['export', ...words], { cwd: folder });
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain(`code: ${code}\n`);
    expect(await snapshot(folder)).toEqual(before);
  });

  it('a folder that is a file', async () => {
    const { folder } = await createProduct();
    await writeFile(join(folder, 'public'), 'mine');
    const ran = await exportAs('checksums', folder);
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toContain('code: write-failed\n');
    expect(await readFile(join(folder, 'public'), 'utf8')).toBe('mine');
  });
});
