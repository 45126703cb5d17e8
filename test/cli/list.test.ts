import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import schema from '../../schemas/list.schema.json' with { type: 'json' };
import { defineSchema } from '../../tools/core/schema.ts';
import { runOta } from '../support/io.ts';
import { createKey } from '../support/keys.ts';
import { policyOf } from '../support/signed-product.ts';
import { createFolder, sampleImage, sampleManifest } from '../support/temporary-workspace.ts';

const key = createKey('ecdsa-p256');
const checkJson = defineSchema(schema);

/** A product with versions made by `ota package`, each with these further words. */
async function createVersions(
  versions: Record<string, readonly string[]>,
  manifest = sampleManifest(),
) {
  const cwd = await createFolder({ 'ota/manifest.json': manifest });
  for (const [version, words] of Object.entries(versions)) {
    await writeFile(join(cwd, 'app.bin'), sampleImage(version));
    const base = ['package', '--binary', 'app.bin', '--version', version, '--update-manifest'];
    const ran = await runOta([...base, ...words], {
      cwd,
      env: { KEY: key.privatePem },
      now: new Date('2026-01-31T12:00:00Z'),
    });
    expect(ran.stderr).toBe('');
  }
  return cwd;
}

describe('ota list', () => {
  it('shows versions, newest first, with who signed and what latest means', async () => {
    const product = {
      name: 'Gateway',
      hardware: 'esp32s3',
      signing: policyOf([key], { required: false }),
    };
    const cwd = await createVersions(
      {
        '1.9.0': ['--label', 'First one'],
        '1.10.0': ['--sign-key-env', 'KEY'],
        '2.0.0-rc.1': [],
      },
      sampleManifest({ product }),
    );
    expect(await runOta(['list'], { cwd })).toEqual({
      exitCode: 0,
      stdout: `version          date (UTC)        size    chip     signed  label
2.0.0-rc.1       2026-01-31 12:00  2.0 KB  esp32s3  no
1.10.0 (latest)  2026-01-31 12:00  2.0 KB  esp32s3  yes
1.9.0            2026-01-31 12:00  2.0 KB  esp32s3  no      First one
`,
      stderr: '',
    });
  });

  it('says as JSON what it says to people', async () => {
    const cwd = await createVersions({ '1.0.0': ['--label', 'x', '--sign-key-env', 'KEY'] });
    const json = JSON.parse((await runOta(['list', '--json'], { cwd })).stdout);
    expect(checkJson(json)).toEqual([]);
    expect(json).toEqual({
      ok: true,
      product: 'Gateway',
      versions: [
        {
          version: '1.0.0',
          latest: true,
          label: 'x',
          created_at: '2026-01-31T12:00:00Z',
          size: sampleImage('1.0.0').length,
          chip: 'esp32s3',
          signatures: 'unchecked',
        },
      ],
      findings: [],
    });
  });

  it('counts what is sent over the air, and shows the chip of the image', async () => {
    const cwd = await createVersions({ '1.0.0': [] });
    const artifact = { name: 'x', sha256: 'a'.repeat(64) };
    const release = {
      version: '1.0.0',
      image: { chip: 'esp32c3' },
      artifacts: [
        { ...artifact, filename: 'app.bin', size: 1024, role: 'app' },
        { ...artifact, filename: 'merged.bin', size: 4096, role: 'merged' },
      ],
    };
    await writeFile(join(cwd, 'ota/versions/1.0.0/ota.json'), JSON.stringify(release));
    expect((await runOta(['list'], { cwd })).stdout).toBe(
      `version         date (UTC)  size    chip     signed  label
1.0.0 (latest)  -           1.0 KB  esp32c3  no
`,
    );
  });

  it.each<[string, object]>([
    ['INVALID', { notes: 'changed' }],
    ['too few', {}],
  ])('shows signatures that are %s', async (word, change) => {
    const signing = policyOf([key, createKey()], { threshold: word === 'too few' ? 2 : 1 });
    const manifest = sampleManifest({ product: { name: 'Gateway', hardware: 'esp32s3', signing } });
    const cwd = await createVersions({ '1.0.0': ['--sign-key-env', 'KEY'] }, manifest);
    const path = join(cwd, 'ota/versions/1.0.0/ota.json');
    const release = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...release, ...change }));
    expect((await runOta(['list'], { cwd })).stdout).toMatch(new RegExp(` {2}${word}\n`));
    expect(checkJson(JSON.parse((await runOta(['list', '--json'], { cwd })).stdout))).toEqual([]);
  });

  it('lists a version whose file cannot be read, and says why', async () => {
    const cwd = await createVersions({ '1.0.0': ['--label', 'good'], '1.1.0': ['--label', 'bad'] });
    await writeFile(join(cwd, 'ota/versions/1.1.0/ota.json'), '{');
    expect(await runOta(['list'], { cwd })).toEqual({
      exitCode: 1,
      stdout: `version         date (UTC)        size    chip     signed  label
1.1.0 (latest)  -                 -       -        -       bad
1.0.0           2026-01-31 12:00  2.0 KB  esp32s3  no      good
error: ota/manifest.json (version 1.1.0): ${join(cwd, 'ota/versions/1.1.0/ota.json')} is not JSON: close brace expected at line 1, column 2
  hint: Correct the file there; commas between entries and after the last one are the usual cause.
  code: json-invalid
`,
      stderr: '',
    });
    const json = JSON.parse((await runOta(['list', '--json'], { cwd })).stdout);
    expect(checkJson(json)).toEqual([]);
    expect(json).toMatchObject({ ok: false, findings: [{ version: '1.1.0' }] });
  });

  it('shows no terminal escapes of a label', async () => {
    const cwd = await createVersions({ '1.0.0': ['--label', 'a\u001b[2Jb'] });
    expect((await runOta(['list'], { cwd })).stdout).toContain('a\\x1b[2Jb\n');
  });

  it('says that there are none', async () => {
    const cwd = await createVersions({});
    expect(await runOta(['list'], { cwd })).toEqual({
      exitCode: 0,
      stdout: 'Gateway has no versions yet: `ota package --update-manifest` adds one\n',
      stderr: '',
    });
  });
});
