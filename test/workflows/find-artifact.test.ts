import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Artifact } from '../../tools/core/release/release.ts';
import { findArtifact } from '../../tools/workflows/packaging/find-artifact.ts';
import { rejection } from '../support/code.ts';
import { runOta } from '../support/io.ts';
import { createKey } from '../support/keys.ts';
import { createProduct, type Product, policyOf } from '../support/signed-product.ts';

const key = createKey('ecdsa-p256');
const now = new Date('2026-02-03T04:05:06Z');

const find = ({ manifestPath }: Product, artifact?: string) =>
  findArtifact({
    manifestPath,
    version: 'latest',
    now,
    ...(artifact !== undefined && { artifact }),
  });

/** Gives the release a bootloader beside its app. */
async function addBootloader(product: Product): Promise<void> {
  const release = await product.readRelease();
  const [app] = release.artifacts as [Artifact];
  const bootloader = { ...app, filename: 'bootloader.bin', role: 'bootloader' };
  await product.writeRelease({ ...release, artifacts: [bootloader, { ...app, role: 'app' }] });
}

describe('finding what of a release is published', () => {
  it('refuses an unsigned release where signatures are required', async () => {
    const product = await createProduct(policyOf([key]));
    expect((await rejection(find(product))).code).toBe('signature-missing');
  });

  it('hands out the signature that stands beside the app, and what the release says', async () => {
    const product = await createProduct(policyOf([key]));
    await product.writeRelease({
      ...(await product.readRelease()),
      notes: 'New.',
      min_version: '1.0.0',
    });
    const words = ['sign', '--version', '1.2.3', '--key-env', 'KEY'];
    await runOta(words, { cwd: product.folder, env: { KEY: key.privatePem } });
    expect(await find(product)).toMatchObject({
      path: product.artifactPath,
      version: '1.2.3',
      notes: 'New.',
      minVersion: '1.0.0',
      facts: { signature: (await readFile(`${product.artifactPath}.sig`)).toString('base64') },
    });
  });

  it('chooses the app of a whole build, and never a bootloader', async () => {
    const product = await createProduct();
    await addBootloader(product);
    expect((await find(product)).path).toBe(product.artifactPath);
    expect((await rejection(find(product, 'bootloader.bin'))).code).toBe('nothing-to-deploy');
  });

  it('refuses to guess between two apps, and a damaged one', async () => {
    const product = await createProduct();
    const release = await product.readRelease();
    const [app] = release.artifacts as [Artifact];
    await product.writeRelease({ ...release, artifacts: [app, { ...app, filename: 'b.bin' }] });
    expect((await rejection(find(product))).code).toBe('usage');
    await writeFile(product.artifactPath, 'x');
    expect((await rejection(find(product, app.filename))).code).toBe('artifact-size-mismatch');
  });

  it('reaches version.json through ota publish', async () => {
    const product = await createProduct();
    const said = { notes: 'New.', min_version: '1.2.0' };
    await product.writeRelease({ ...(await product.readRelease()), ...said });
    const env = { KEY: key.privatePem };
    await runOta(['sign', '--version', '1.2.3', '--key-env', 'KEY'], { cwd: product.folder, env });
    const ran = await runOta(['publish', '--version', '1.2.3', '--to', 'www'], {
      cwd: product.folder,
    });
    expect(ran.exitCode, ran.stderr).toBe(0);
    const text = await readFile(join(product.folder, 'www/version.json'), 'utf8');
    expect(JSON.parse(text)).toMatchObject({
      version: '1.2.3',
      description: 'New.',
      min_version: '1.2.0',
      signature: (await readFile(`${product.artifactPath}.sig`)).toString('base64'),
    });
  });
});
