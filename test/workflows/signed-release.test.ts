import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SigningPolicy } from '../../tools/core/release/manifest.ts';
import { deploy } from '../../tools/workflows/deploy.ts';
import { rejection } from '../support/code.ts';
import { sampleDeploy } from '../support/deploy.ts';
import { createFakeTransport } from '../support/fake-transport.ts';
import { runOta } from '../support/io.ts';
import { createKey, type TestKey } from '../support/keys.ts';
import { createProduct, type Product, policyOf } from '../support/signed-product.ts';
import { sampleImage } from '../support/temporary-workspace.ts';

const key = createKey('ecdsa-p256');
const other = createKey('ed25519');
const short = ({ publicKey }: TestKey): string => publicKey.id.slice(0, 16);

async function signWith({ folder }: Product, ...keys: readonly TestKey[]): Promise<void> {
  for (const { privatePem } of keys) {
    const ran = await runOta(['sign', '--version', '1.2.3', '--key-env', 'KEY'], {
      cwd: folder,
      env: { KEY: privatePem },
    });
    expect(ran.stderr).toBe('');
  }
}

async function setPolicy({ manifestPath }: Product, signing: SigningPolicy): Promise<void> {
  const manifest = JSON.parse(await readFile(manifestPath, 'utf8'));
  const product = { ...manifest.product, signing };
  await writeFile(manifestPath, JSON.stringify({ ...manifest, product }));
}

async function change(product: Product): Promise<void> {
  await product.writeRelease({ ...(await product.readRelease()), min_version: '0.0.1' });
}

function tryDeploy({ manifestPath }: Product, dryRun = false) {
  const sent: string[] = [];
  const available = ['mqtt', 'https'].map((name) =>
    createFakeTransport(name, async ({ facts }) => {
      sent.push(name);
      return { sentBytes: facts.sizeBytes, warnings: [] };
    }),
  );
  const done = deploy(sampleDeploy({ manifestPath, available, dryRun }));
  return { sent, done };
}

describe('deploying where signatures are required', () => {
  it('sends a release that a trusted key signed', async () => {
    const product = await createProduct(policyOf([key]));
    await signWith(product, key);
    const { sent, done } = tryDeploy(product);
    expect((await done).ok).toBe(true);
    expect(sent).toEqual(['mqtt', 'https']);
  });

  it('sends the signature of the artifact along, and none with an unsigned release', async () => {
    const product = await createProduct(policyOf([key], { required: false }));
    const seen: unknown[] = [];
    const look = createFakeTransport('mqtt', async ({ facts }) => {
      seen.push(facts.signature);
      return { sentBytes: 0, warnings: [] };
    });
    const options = {
      manifestPath: product.manifestPath,
      available: [look, createFakeTransport('https')],
    };
    await deploy(sampleDeploy(options));
    await signWith(product, key);
    await deploy(sampleDeploy(options));
    const signature = await readFile(`${product.artifactPath}.sig`);
    expect(seen).toEqual([undefined, signature.toString('base64')]);
  });

  it.each([true, false])('refuses an unsigned release (dry run: %s)', async (dryRun) => {
    const product = await createProduct(policyOf([key]));
    const { sent, done } = tryDeploy(product, dryRun);
    expect(await rejection(done)).toMatchObject({
      code: 'signature-missing',
      details: [`needs signatures of 1 of these keys: ${short(key)}; has none`],
      hint: 'Sign it: ota sign --version 1.2.3 --key FILE',
    });
    expect(sent).toEqual([]);
  });

  it('names every reason: too few, expired, not trusted', async () => {
    const product = await createProduct();
    await signWith(product, key, other);
    const third = createKey('ed25519');
    const policy = policyOf([key, third], { threshold: 2 });
    const keys = policy.keys.map((entry, index) =>
      index === 0 ? { ...entry, name: 'release 2025', not_after: '2026-01-01T00:00:00Z' } : entry,
    );
    await setPolicy(product, { ...policy, keys });
    expect(await rejection(tryDeploy(product).done)).toMatchObject({
      code: 'signature-missing',
      details: [
        `needs signatures of 2 of these keys: release 2025, ${short(third)}; has none`,
        'the key release 2025 has expired at 2026-01-01T00:00:00.000Z',
        `the key ${short(other)} signed, but the product does not trust it`,
      ],
    });
  });

  it.each([true, false])('refuses a release that was changed (required: %s)', async (required) => {
    const product = await createProduct(policyOf([key], { required }));
    await signWith(product, key);
    await change(product);
    const { sent, done } = tryDeploy(product);
    expect(await rejection(done)).toMatchObject({
      code: 'signature-invalid',
      details: [`the signature of ${short(key)} does not match`],
    });
    expect(sent).toEqual([]);
  });

  it('sends an unsigned release where they are not', async () => {
    const product = await createProduct(policyOf([key], { required: false }));
    expect((await tryDeploy(product).done).ok).toBe(true);
  });

  it('accepts the bridge release of a rotation under the old and the new keys', async () => {
    const product = await createProduct();
    await signWith(product, key, other);
    for (const trusted of [key, other]) {
      await setPolicy(product, policyOf([trusted]));
      expect((await tryDeploy(product).done).ok).toBe(true);
    }
  });

  it('refuses a key file that was replaced', async () => {
    const entry = { id: key.publicKey.id, path: 'keys/release.pub.pem' };
    const product = await createProduct({ required: true, keys: [entry] });
    const folder = join(dirname(product.manifestPath), 'keys');
    await mkdir(folder);
    await writeFile(join(folder, 'release.pub.pem'), key.publicPem);
    await signWith(product, key);
    expect((await tryDeploy(product).done).ok).toBe(true);
    await writeFile(join(folder, 'release.pub.pem'), other.publicPem);
    expect((await rejection(tryDeploy(product).done)).code).toBe('key-mismatch');
    await rm(join(folder, 'release.pub.pem'));
    expect((await rejection(tryDeploy(product).done)).code).toBe('key-unreadable');
  });

  it('reads no key file outside the workspace', async () => {
    const entry = { id: key.publicKey.id, path: '../key.pub.pem' };
    const product = await createProduct({ required: true, keys: [entry] });
    await writeFile(join(product.folder, 'key.pub.pem'), key.publicPem);
    expect((await rejection(tryDeploy(product).done)).code).toBe('path-escapes');
  });
});

describe('ota verify', () => {
  const verify = (product: Product, words: readonly string[] = []) =>
    runOta(['verify', ...words], { cwd: product.folder });

  it('says who signed, and knows the signature files', async () => {
    const product = await createProduct(policyOf([key, other], { threshold: 2 }));
    await signWith(product, key, other);
    expect(await verify(product)).toEqual({
      exitCode: 0,
      stdout: `ok: 1.2.3 Gateway-1.2.3.bin (2.0 KB), signed by ${short(key)}, ${short(other)}\n`,
      stderr: '',
    });
    const { verified } = JSON.parse((await verify(product, ['--json'])).stdout);
    expect(verified[0].signed_by).toEqual([key.publicKey.id, other.publicKey.id]);
  });

  it('reports a release with too few signatures', async () => {
    const product = await createProduct(policyOf([key]));
    expect(await verify(product)).toEqual({
      exitCode: 1,
      stdout: `error: ota/versions/1.2.3/ota.json (version 1.2.3): release 1.2.3 is not signed as the product demands
  - needs signatures of 1 of these keys: ${short(key)}; has none
  hint: Sign it: ota sign --version 1.2.3 --key FILE
  code: signature-missing
`,
      stderr: '',
    });
  });

  it('reports a release that was changed after signing', async () => {
    const product = await createProduct(policyOf([key], { required: false }));
    await signWith(product, key);
    await change(product);
    const { exitCode, stdout } = await verify(product);
    expect(exitCode).toBe(1);
    expect(
      stdout,
    ).toBe(`error: ota/versions/1.2.3/ota.json (version 1.2.3): release 1.2.3 was changed after it was signed
  - the signature of ${short(key)} does not match
  hint: Restore ota.json from where it was signed. A changed release needs a new version.
  code: signature-invalid
`);
  });

  it('reports a signature file that no trusted key made', async () => {
    const product = await createProduct(policyOf([key]));
    await signWith(product, key);
    for (const content of ['', 'nonsense', 'x'.repeat(5000)]) {
      await writeFile(`${product.artifactPath}.sig`, content);
      expect(await verify(product)).toMatchObject({
        exitCode: 1,
        stdout: `error: ota/versions/1.2.3/Gateway-1.2.3.bin.sig (version 1.2.3): no trusted key made this signature of Gateway-1.2.3.bin
  hint: Remove the file, and sign the version again.
  code: signature-invalid
`,
      });
    }
  });

  it('warns of a signed artifact without signature file', async () => {
    const product = await createProduct(policyOf([key]));
    await signWith(product, key);
    await rm(`${product.artifactPath}.sig`);
    const { exitCode, stdout } = await verify(product);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`ok: 1.2.3 Gateway-1.2.3.bin (2.0 KB), signed by ${short(key)}
warning: ota/versions/1.2.3/Gateway-1.2.3.bin (version 1.2.3): the release is signed, but this artifact has no signature file
  hint: \`ota sign --version 1.2.3\` with the same key writes it again.
  code: signature-missing
`);
  });

  it('warns of signatures that it cannot check, or that do not count', async () => {
    const product = await createProduct();
    await signWith(product, key, other);
    const policy = policyOf([key], { required: false });
    const keys = policy.keys.map((entry) => ({ ...entry, not_after: '2026-01-01T00:00:00Z' }));
    await setPolicy(product, { ...policy, keys });
    const { exitCode, stdout } = await verify(product, ['--json']);
    expect(exitCode).toBe(0);
    const { findings, verified } = JSON.parse(stdout);
    expect(
      findings.map(({ level, code }: { level: string; code: string }) => [level, code]),
    ).toEqual([
      ['warning', 'key-untrusted'],
      ['warning', 'key-expired'],
      ['warning', 'key-untrusted'], // the signature file of the other key
    ]);
    expect(verified[0].signed_by).toEqual([]);
  });

  it('reports keys that cannot be read, and still checks the files', async () => {
    const product = await createProduct({ keys: [{ id: key.publicKey.id, path: 'none.pem' }] });
    await writeFile(product.artifactPath, sampleImage('1.2.3', 9));
    const { exitCode, stdout } = await verify(product);
    expect(exitCode).toBe(1);
    expect(stdout.match(/code: .*/g)).toEqual([
      'code: key-unreadable',
      'code: artifact-hash-mismatch',
    ]);
  });
});

describe('ota validate', () => {
  it('checks the keys that the manifest names', async () => {
    const product = await createProduct({ keys: [{ id: key.publicKey.id, path: 'none.pem' }] });
    const { stdout } = await runOta(['validate', '--json'], { cwd: product.folder });
    expect(JSON.parse(stdout).findings[0]).toMatchObject({
      level: 'error',
      code: 'key-unreadable',
    });
  });

  it('warns of a key that is not valid now', async () => {
    const policy = policyOf([key]);
    const keys = policy.keys.map((entry) => ({
      ...entry,
      name: 'next',
      not_before: '2027-01-01T00:00:00Z',
    }));
    const product = await createProduct({ ...policy, keys });
    const { stdout } = await runOta(['validate', '--json'], { cwd: product.folder });
    expect(JSON.parse(stdout).findings).toContainEqual({
      level: 'warning',
      file: product.manifestPath,
      code: 'key-expired',
      message: 'product.signing.keys: the key next is not valid before 2027-01-01T00:00:00.000Z',
      hint: 'Its signatures do not count now. Add the key that follows it.',
    });
  });
});
