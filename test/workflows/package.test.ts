import { chmod, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type PackageOptions, packageBinary } from '../../tools/workflows/packaging/package.ts';
import { rejection } from '../support/code.ts';
import { createFakeTransport } from '../support/fake-transport.ts';
import {
  createFolder,
  sampleImage,
  sampleManifest,
  snapshot,
} from '../support/temporary-workspace.ts';

const image = sampleImage();

async function createProduct(manifest: unknown = sampleManifest()): Promise<{
  folder: string;
  run(changes?: Partial<PackageOptions>): ReturnType<typeof packageBinary>;
}> {
  const folder = await createFolder({ 'ota/manifest.json': manifest, 'build/app.bin': image });
  return {
    folder,
    run: (changes = {}) =>
      packageBinary({
        manifestPath: join(folder, 'ota/manifest.json'),
        binaryPath: join(folder, 'build/app.bin'),
        version: '1.2.3',
        overrides: {},
        updateManifest: true,
        dryRun: false,
        transports: [createFakeTransport('mqtt'), createFakeTransport('https')],
        now: new Date('2026-02-03T04:05:06Z'),
        ...changes,
      }),
  };
}

describe('packaging', () => {
  it('copies the binary, writes ota.json and lists the release', async () => {
    const { folder, run } = await createProduct();
    const result = await run({ label: 'first' });
    expect(result.plan.outcome).toBe('created');
    const files = await snapshot(join(folder, 'ota'));
    expect(Object.keys(files)).toEqual([
      'manifest.json',
      'versions/',
      'versions/1.2.3/',
      'versions/1.2.3/Gateway-1.2.3.bin',
      'versions/1.2.3/ota.json',
    ]);
    expect(await readFile(result.artifactPath)).toEqual(Buffer.from(image));
    expect(JSON.parse(files['manifest.json'] ?? '').versions).toEqual([
      { id: '1.2.3', label: 'first', manifest: 'versions/1.2.3/ota.json' },
    ]);
  });

  it('touches nothing in a dry run, not even folders', async () => {
    const { folder, run } = await createProduct();
    const before = await snapshot(folder);
    const result = await run({ dryRun: true });
    expect(result.plan.outcome).toBe('created');
    expect(await snapshot(folder)).toEqual(before);
  });

  it('rewrites nothing for the same bytes and options', async () => {
    const { folder, run } = await createProduct();
    const { artifactPath, releasePath } = await run();
    const times = () =>
      Promise.all(
        [artifactPath, releasePath, join(folder, 'ota/manifest.json')].map(
          async (path) => [(await stat(path)).mtimeMs, (await stat(path)).ino] as const,
        ),
      );
    const before = await times();
    const again = await run({ now: new Date('2027-01-01T00:00:00Z') });
    expect(again.plan.outcome).toBe('unchanged');
    expect(await times()).toEqual(before);
  });

  it('works in a folder that nobody may write, when there is nothing to write', async () => {
    const { folder, run } = await createProduct();
    await run();
    await chmod(join(folder, 'ota'), 0o555);
    expect((await run()).plan.outcome).toBe('unchanged');
    await chmod(join(folder, 'ota'), 0o755);
  });

  it('replaces another binary under the same version and says so', async () => {
    const { folder, run } = await createProduct();
    await run();
    await writeFile(join(folder, 'build/app.bin'), sampleImage('1.2.3', 2));
    const result = await run();
    expect(result.plan.outcome).toBe('replaced');
    expect(await readFile(result.artifactPath)).toEqual(Buffer.from(sampleImage('1.2.3', 2)));
  });

  it('puts back an artifact that was damaged', async () => {
    const { run } = await createProduct();
    const { artifactPath } = await run();
    await writeFile(artifactPath, 'damaged');
    expect((await run()).plan.outcome).toBe('replaced');
    expect(await readFile(artifactPath)).toEqual(Buffer.from(image));
  });

  it('keeps the order and the own keys of a manifest written by hand', async () => {
    const text =
      '{\n  "versions": [],\n  "x-owner": {\n    "b": 1,\n    "a": 2\n  },\n  "product": {\n    "name": "Gateway"\n  },\n  "schema_version": 1\n}\n';
    const { folder, run } = await createProduct(text);
    await run();
    const entry =
      '[\n    {\n      "id": "1.2.3",\n      "manifest": "versions/1.2.3/ota.json"\n    }\n  ]';
    expect(await readFile(join(folder, 'ota/manifest.json'), 'utf8')).toBe(
      text.replace('[]', entry),
    );
  });

  it('writes outside the tree together with the manifest, as the seed promised', async () => {
    const { folder, run } = await createProduct();
    await run({ outputFolder: join(folder, 'elsewhere') });
    const files = await snapshot(folder);
    expect(files['elsewhere/1.2.3/Gateway-1.2.3.bin']).toBe(`${image.length} bytes`);
    expect(JSON.parse(files['ota/manifest.json'] ?? '').versions[0].manifest).toBe(
      '../elsewhere/1.2.3/ota.json',
    );
  });

  it('loses no entry when many builds package at once', async () => {
    const { folder, run } = await createProduct();
    const versions = Array.from({ length: 12 }, (_, index) => `1.0.${index}`);
    await Promise.all(versions.map((version) => run({ version })));
    const manifest = JSON.parse(await readFile(join(folder, 'ota/manifest.json'), 'utf8'));
    expect(manifest.versions.map(({ id }: { id: string }) => id).sort()).toEqual(
      [...versions].sort(),
    );
    expect(Object.keys(await snapshot(folder)).filter((name) => /lock|tmp/.test(name))).toEqual([]);
  });
});

describe('packaging leaves nothing behind', () => {
  it.each([
    ['binary-missing', { binaryPath: '/nowhere/app.bin' }],
    ['version-invalid', { version: '../1' }],
    ['version-invalid', { version: '1\u0007' }],
    ['version-invalid', { version: 'x'.repeat(129) }],
    ['name-invalid', { artifactName: '../../evil.bin' }],
    ['name-invalid', { artifactName: 'ota.json' }],
    ['name-invalid', { project: 'a/b' }],
    ['transport-unknown', { protocols: ['coap'] }],
    ['secret-literal', { overrides: { mqtt: { password: 'abc' } } }],
    ['manifest-missing', { manifestPath: '/nowhere/manifest.json' }],
  ] as const)('when it ends with %s', async (code, changes) => {
    const { folder, run } = await createProduct();
    const before = await snapshot(folder);
    expect((await rejection(run(changes as Partial<PackageOptions>))).code).toBe(code);
    expect(await snapshot(folder)).toEqual(before);
  });

  it('when the manifest is not valid', async () => {
    const { folder, run } = await createProduct({ schema_version: 1 });
    const before = await snapshot(folder);
    expect(await rejection(run())).toMatchObject({
      code: 'manifest-invalid',
      details: ['the key "product" is missing', 'the key "versions" is missing'],
    });
    expect(await snapshot(folder)).toEqual(before);
  });

  it('when the version folder cannot be made', async () => {
    const { folder, run } = await createProduct();
    await writeFile(join(folder, 'ota/versions'), 'a file in the way');
    expect((await rejection(run())).code).toBe('write-failed');
    expect(Object.keys(await snapshot(join(folder, 'ota')))).toEqual(['manifest.json', 'versions']);
  });

  it('when the binary is a link to nothing', async () => {
    const { folder, run } = await createProduct();
    await symlink('gone', join(folder, 'build/link.bin'));
    const code = (await rejection(run({ binaryPath: join(folder, 'build/link.bin') }))).code;
    expect(code).toBe('binary-missing');
  });
});
