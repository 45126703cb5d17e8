import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fingerprintOf } from '../../tools/core/integrity.ts';
import { runOta } from '../support/io.ts';
import { createFolder, sampleImage, sampleManifest } from '../support/temporary-workspace.ts';

const { sha256 } = fingerprintOf(sampleImage());

const createProduct = () =>
  createFolder({ 'ota/manifest.json': sampleManifest(), 'build/app.bin': sampleImage() });

const words = ['package', '--binary', 'build/app.bin', '--version', '1.2.3', '--update-manifest'];

describe('ota package', () => {
  it('says what it would do, what it did, and that there is nothing to do', async () => {
    const cwd = await createProduct();
    expect((await runOta([...words, '--dry-run'], { cwd })).stdout).toBe(
      `[dry-run] would be packaged: version 1.2.3 (2.0 KB, SHA-256 ${sha256})
[dry-run]   write ota/versions/1.2.3/Gateway-1.2.3.bin
[dry-run]   write ota/versions/1.2.3/ota.json
[dry-run]   list it in ota/manifest.json
`,
    );
    expect((await runOta(words, { cwd })).stdout).toBe(
      `packaged: version 1.2.3 (2.0 KB, SHA-256 ${sha256})
  write ota/versions/1.2.3/Gateway-1.2.3.bin
  write ota/versions/1.2.3/ota.json
  list it in ota/manifest.json
`,
    );
    expect((await runOta(words, { cwd })).stdout).toBe(
      `unchanged: version 1.2.3 (2.0 KB, SHA-256 ${sha256})
`,
    );
  });

  it('says that it replaced', async () => {
    const cwd = await createProduct();
    await runOta(words, { cwd });
    await writeFile(join(cwd, 'build/app.bin'), sampleImage('1.2.3', 7));
    expect((await runOta(words, { cwd })).stdout).toMatch(/^replaced: version 1\.2\.3 /);
  });

  it('gives the whole result as JSON', async () => {
    const cwd = await createProduct();
    const { stdout } = await runOta(
      [...words, '--label', 'x', '--protocols', 'mqtt,https', '--json'],
      { cwd },
    );
    expect(JSON.parse(stdout)).toEqual({
      ok: true,
      dry_run: false,
      outcome: 'created',
      version: '1.2.3',
      artifact_path: join(cwd, 'ota/versions/1.2.3/Gateway-1.2.3.bin'),
      release_path: join(cwd, 'ota/versions/1.2.3/ota.json'),
      manifest_path: join(cwd, 'ota/manifest.json'),
      manifest_updated: true,
      warnings: [],
      release: {
        version: '1.2.3',
        created_at: '2026-02-03T04:05:06Z',
        image: {
          chip: 'esp32s3',
          project: 'gateway',
          app_version: '1.2.3',
          idf_version: 'v5.4',
          secure_version: 0,
          validation_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
          elf_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        },
        artifacts: [
          {
            name: 'Gateway',
            filename: 'Gateway-1.2.3.bin',
            size: 2048,
            sha256,
            protocols: ['mqtt', 'https'],
          },
        ],
      },
    });
  });

  it('lists all problems of a manifest, and what to do', async () => {
    const cwd = await createFolder({
      'ota/manifest.json': { schema_version: 2, prodct: {}, versions: 3 },
      'build/app.bin': sampleImage(),
    });
    const { exitCode, stdout, stderr } = await runOta(words, { cwd });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toBe(`error: ${join(cwd, 'ota/manifest.json')} is not a valid manifest
  - the key "product" is missing
  - unknown key "prodct" (did you mean "product"?)
  - schema_version: must be 1, is 2
  - versions: must be array, is 3
hint: Correct the file; \`ota validate\` checks it again.
code: manifest-invalid
`);
  });
});
