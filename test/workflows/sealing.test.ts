import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkSignatures } from '../../tools/core/signing/release-signature.ts';
import { verifyBytes } from '../../tools/core/signing/sign-bytes.ts';
import { runOta } from '../support/io.ts';
import { createKey, createPem, trustIn } from '../support/keys.ts';
import { createProduct, type Product, policyOf } from '../support/signed-product.ts';
import { sampleImage, snapshot } from '../support/temporary-workspace.ts';

const key = createKey('ecdsa-p256');
const now = new Date('2026-02-03T04:05:06Z');

async function packageAgain({ folder }: Product, words: readonly string[] = []) {
  return runOta(['package', '--binary', 'app.bin', '--version', '1.2.3', ...words], {
    cwd: folder,
    env: { KEY: key.privatePem, PASS: 'wrong' },
  });
}

const sign = ['--sign-key-env', 'KEY'] as const;

describe('ota package --sign-key', () => {
  it('packages and signs as one change', async () => {
    const product = await createProduct(policyOf([key]));
    await writeFile(join(product.folder, 'key.pem'), key.privatePem);
    await writeFile(join(product.folder, 'app.bin'), sampleImage('1.3.0'));
    const ran = await runOta(
      ['package', '--binary', 'app.bin', '--version', '1.3.0', '--sign-key', 'key.pem'],
      { cwd: product.folder },
    );
    const { sha256 } = await releaseOf(product.folder, '1.3.0').then(
      ({ artifacts }) => artifacts[0],
    );
    expect(ran).toEqual({
      exitCode: 0,
      stdout: `packaged: version 1.3.0 (2.0 KB, SHA-256 ${sha256})
  write ota/versions/1.3.0/Gateway-1.3.0.bin
  write ota/versions/1.3.0/Gateway-1.3.0.bin.sig
  write ota/versions/1.3.0/ota.json
  sign it with the key ${key.publicKey.id}
`,
      stderr: '',
    });
    const release = await releaseOf(product.folder, '1.3.0');
    expect(checkSignatures(release, trustIn([key]), now).sufficient).toBe(true);
    const artifact = join(product.folder, 'ota/versions/1.3.0/Gateway-1.3.0.bin');
    const signature = await readFile(`${artifact}.sig`);
    expect(verifyBytes(key.publicKey, await readFile(artifact), signature)).toBe(true);
  });

  it('shows in a dry run that it would sign, and writes nothing', async () => {
    const product = await createProduct();
    const before = await snapshot(product.folder);
    const { exitCode, stdout } = await packageAgain(product, [...sign, '--dry-run']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('[dry-run]   write ota/versions/1.2.3/Gateway-1.2.3.bin.sig\n');
    expect(stdout).toContain(`[dry-run]   sign it with the key ${key.publicKey.id}\n`);
    expect(await snapshot(product.folder)).toEqual(before);
  });

  it('signs a release that stands there unsigned, and touches nothing else', async () => {
    const product = await createProduct();
    const before = await product.readRelease();
    const { exitCode, stdout } = await packageAgain(product, sign);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^signed: version 1\.2\.3 /);
    const { signatures, ...content } = await product.readRelease();
    expect(content).toEqual(before);
    expect(signatures).toHaveLength(1);
  });

  it('changes nothing when everything is packaged and signed already', async () => {
    const product = await createProduct();
    await packageAgain(product, sign);
    const before = await snapshot(product.folder);
    const { exitCode, stdout } = await packageAgain(product, sign);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^unchanged: version 1\.2\.3 .*\n$/);
    expect(await snapshot(product.folder)).toEqual(before);
  });

  it.each<[string, string, readonly string[]]>([
    ['a key that is not there', 'key-unreadable', ['--sign-key', 'none.pem']],
    ['a key that the product does not trust', 'key-untrusted', ['--sign-key', 'other.pem']],
    ['a key of another kind', 'key-unsupported', ['--sign-key', 'p384.pem']],
  ])('packages nothing with %s', async (_what, code, words) => {
    const product = await createProduct(policyOf([key]));
    await writeFile(join(product.folder, 'other.pem'), createKey().privatePem);
    await writeFile(join(product.folder, 'p384.pem'), createPem('ecdsa-p384').privateKey);
    await writeFile(join(product.folder, 'app.bin'), sampleImage('1.2.3', 2));
    const before = await snapshot(product.folder);
    const ran = await packageAgain(product, words);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain(`code: ${code}\n`);
    expect(await snapshot(product.folder)).toEqual(before);
  });

  it('drops the signature of bytes that it replaces', async () => {
    const product = await createProduct();
    await packageAgain(product, sign);
    const { signatures: _, ...unsealed } = await product.readRelease();
    await product.writeRelease(unsealed); // as somebody would who breaks the seal by hand
    await writeFile(join(product.folder, 'app.bin'), sampleImage('1.2.3', 2));
    await packageAgain(product);
    expect(Object.keys(await snapshot(join(product.folder, 'ota/versions/1.2.3')))).toEqual([
      'Gateway-1.2.3.bin',
      'ota.json',
    ]);
  });

  it('replaces the signature of bytes that it replaces, when it signs', async () => {
    const product = await createProduct();
    await writeFile(`${product.artifactPath}.sig`, 'of other bytes');
    await writeFile(join(product.folder, 'app.bin'), sampleImage('1.2.3', 2));
    await packageAgain(product, sign);
    const signature = await readFile(`${product.artifactPath}.sig`);
    const bytes = await readFile(product.artifactPath);
    expect(verifyBytes(key.publicKey, bytes, signature)).toBe(true);
  });
});

describe('a signed release is sealed:', () => {
  it.each<[string, readonly string[], string]>([
    ['other bytes', [], 'image would change\n  - artifacts would change'],
    ['other notes', ['--notes', 'new'], 'notes would change'],
    ['another floor', ['--min-version', '1.0.0'], 'min_version would change'],
    ['another topic', ['--set', 'mqtt.topic=x'], 'channels would change'],
  ])('packaging with %s is refused, with and without a key', async (what, words, detail) => {
    const product = await createProduct();
    await packageAgain(product, sign);
    if (what === 'other bytes') {
      await writeFile(join(product.folder, 'app.bin'), sampleImage('1.2.3', 2));
    }
    const before = await snapshot(product.folder);
    for (const keys of [[], sign]) {
      expect(await packageAgain(product, [...words, ...keys])).toEqual({
        exitCode: 1,
        stdout: '',
        stderr: `error: version 1.2.3 is signed and cannot be changed
  - ${detail}
hint: Package under a new version. Packaging the same bytes with the same options is no change.
code: release-sealed
`,
      });
    }
    expect(await snapshot(product.folder)).toEqual(before);
  });

  it('packaging the same again is no change', async () => {
    const product = await createProduct();
    await packageAgain(product, sign);
    const before = await snapshot(product.folder);
    const { exitCode, stdout } = await packageAgain(product);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^unchanged: /);
    expect(await snapshot(product.folder)).toEqual(before);
  });

  it('its lost or damaged files come back with the bytes that were signed', async () => {
    const product = await createProduct();
    await packageAgain(product, sign);
    const before = await snapshot(product.folder);
    const bytes = await readFile(product.artifactPath);
    await rm(product.artifactPath);
    expect((await packageAgain(product)).exitCode).toBe(0);
    expect(await readFile(product.artifactPath)).toEqual(bytes);
    expect(await snapshot(product.folder)).toEqual(before);
  });

  it('the root manifest may still list it under another label', async () => {
    const product = await createProduct();
    await packageAgain(product, sign);
    const before = await readFile(product.releasePath, 'utf8');
    const ran = await packageAgain(product, ['--update-manifest', '--label', 'stable']);
    expect(ran.exitCode).toBe(0);
    expect(await readFile(product.releasePath, 'utf8')).toBe(before);
    expect(await readFile(product.manifestPath, 'utf8')).toContain('"label": "stable"');
  });
});

describe('what a release says of itself', () => {
  it('is written in a fixed order', async () => {
    const product = await createProduct();
    await writeFile(join(product.folder, 'notes.md'), '\r\nMore heat.\r\nLess noise.\r\n');
    const words = ['--notes-file', 'notes.md', '--min-version', '1.0.0', '--set', 'mqtt.topic=x'];
    expect((await packageAgain(product, [...words, ...sign])).exitCode).toBe(0);
    const release = await product.readRelease();
    expect(Object.keys(release)).toEqual([
      'version',
      'created_at',
      'image',
      'min_version',
      'notes',
      'channels',
      'artifacts',
      'signatures',
    ]);
    expect(release).toMatchObject({ notes: 'More heat.\nLess noise.', min_version: '1.0.0' });
  });

  it('stays when packaging again says nothing of it', async () => {
    const product = await createProduct();
    await packageAgain(product, ['--notes', 'first']);
    await writeFile(join(product.folder, 'app.bin'), sampleImage('1.2.3', 2));
    await packageAgain(product);
    expect(await product.readRelease()).toMatchObject({ notes: 'first' });
  });

  it.each<[readonly string[], string]>([
    [['--notes-file', 'none.md'], 'notes-unreadable'],
    [['--notes', 'x'.repeat(65_537)], 'notes-unreadable'],
    [['--notes', 'x', '--notes-file', 'y'], 'usage'],
    [['--min-version', 'banana'], 'version-invalid'],
    [['--min-version', '1.2'], 'version-invalid'],
    [['--min-version', '1.2.4'], 'version-invalid'],
    [['--min-version', '../1'], 'version-invalid'],
  ])('is refused in the form %j', async (words, code) => {
    const product = await createProduct();
    const before = await snapshot(product.folder);
    const ran = await packageAgain(product, words);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain(`code: ${code}\n`);
    expect(await snapshot(product.folder)).toEqual(before);
  });
});

async function releaseOf(folder: string, version: string) {
  return JSON.parse(await readFile(join(folder, `ota/versions/${version}/ota.json`), 'utf8'));
}
