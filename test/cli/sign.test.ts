import { createPrivateKey } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import schema from '../../schemas/sign.schema.json' with { type: 'json' };
import { defineSchema } from '../../tools/core/schema.ts';
import { checkSignatures } from '../../tools/core/signing/release-signature.ts';
import { verifyBytes } from '../../tools/core/signing/sign-bytes.ts';
import type { Signer } from '../../tools/core/signing/sign-release.ts';
import { signVersion } from '../../tools/workflows/signing/sign.ts';
import { rejection } from '../support/code.ts';
import { runOta } from '../support/io.ts';
import { createKey, createPem, type TestKey, trustIn } from '../support/keys.ts';
import { createProduct, type Product, policyOf } from '../support/signed-product.ts';
import { sampleImage, snapshot } from '../support/temporary-workspace.ts';

const checkJson = defineSchema(schema);
const now = new Date('2026-02-03T04:05:06Z');
const key = createKey('ecdsa-p256');
const other = createKey('ed25519');
const { id } = key.publicKey;
const short = (of: TestKey): string => of.publicKey.id.slice(0, 16);

/** Runs `ota sign` with keys in the variables KEY and OTHER. */
async function sign(
  { folder }: Product,
  words: readonly string[],
  env: Record<string, string> = {},
) {
  const variables = { KEY: key.privatePem, OTHER: other.privatePem, ...env };
  return runOta(['sign', '--version', '1.2.3', ...words], { cwd: folder, env: variables });
}

describe('ota sign', () => {
  it('signs the release and its artifact, and says what it wrote', async () => {
    const product = await createProduct();
    await writeFile(join(product.folder, 'key.pem'), key.privatePem);
    const before = await product.readRelease();
    expect(await sign(product, ['--key', 'key.pem'])).toEqual({
      exitCode: 0,
      stdout: `signed: version 1.2.3 with the key ${id} (ecdsa-p256-sha256)
  write ota/versions/1.2.3/Gateway-1.2.3.bin.sig
  write ota/versions/1.2.3/ota.json
`,
      stderr: '',
    });
    const { signatures, ...content } = await product.readRelease();
    expect(content).toEqual(before);
    expect(
      checkSignatures({ ...content, signatures: signatures ?? [] }, trustIn([key]), now).sufficient,
    ).toBe(true);
    const signature = await readFile(`${product.artifactPath}.sig`);
    expect(verifyBytes(key.publicKey, await readFile(product.artifactPath), signature)).toBe(true);
  });

  it('changes nothing the second time, the bytes of an ECDSA signature included', async () => {
    const product = await createProduct();
    await sign(product, ['--key-env', 'KEY']);
    const before = await snapshot(product.folder);
    expect(await sign(product, ['--key-env', 'KEY'])).toEqual({
      exitCode: 0,
      stdout: `signed before: version 1.2.3 with the key ${id}\n`,
      stderr: '',
    });
    expect(await snapshot(product.folder)).toEqual(before);
  });

  it('adds the signature of a further key beside the first', async () => {
    const product = await createProduct();
    await sign(product, ['--key-env', 'KEY']);
    const ran = await sign(product, ['--key-env', 'OTHER', '--json']);
    const folder = dirname(product.releasePath);
    const json = JSON.parse(ran.stdout);
    expect(checkJson(json)).toEqual([]);
    expect(json).toEqual({
      ok: true,
      version: '1.2.3',
      release_path: product.releasePath,
      added: [{ key_id: other.publicKey.id, algorithm: 'ed25519' }],
      kept: [],
      signature_files: [join(folder, `Gateway-1.2.3.bin.${short(other)}.sig`)],
    });
    const trust = trustIn([key, other], { threshold: 2 });
    expect(checkSignatures(await product.readRelease(), trust, now).sufficient).toBe(true);
    const again = JSON.parse((await sign(product, ['--key-env', 'OTHER', '--json'])).stdout);
    expect(checkJson(again)).toEqual([]);
    expect(again).toMatchObject({ added: [], kept: json.added, signature_files: [] });
  });

  it('signs with several keys at once, and opens encrypted ones', async () => {
    const product = await createProduct();
    const encrypted = String(
      createPrivateKey(other.privatePem).export({
        type: 'pkcs8',
        format: 'pem',
        cipher: 'aes-256-cbc',
        passphrase: 'correct horse',
      }),
    );
    const words = ['--key-env', 'KEY', '--key-env', 'LOCKED', '--passphrase-env', 'PASS'];
    const ran = await sign(product, words, { LOCKED: encrypted, PASS: 'correct horse' });
    expect(ran.exitCode).toBe(0);
    expect((await product.readRelease()).signatures).toHaveLength(2);

    const wrong = await sign(product, words, { LOCKED: encrypted, PASS: 'battery staple' });
    expect(wrong).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `error: the passphrase does not open the key in the variable LOCKED
hint: Set it in a variable and give its name with --passphrase-env, or pipe it in with --passphrase-stdin.
code: key-passphrase
`,
    });
  });

  it('repairs a lost signature file without a second signature in ota.json', async () => {
    const product = await createProduct();
    await sign(product, ['--key-env', 'KEY']);
    const before = await readFile(product.releasePath, 'utf8');
    await rm(`${product.artifactPath}.sig`);
    expect((await sign(product, ['--key-env', 'KEY'])).stdout).toBe(
      `signed before: version 1.2.3 with the key ${id}
  write ota/versions/1.2.3/Gateway-1.2.3.bin.sig
`,
    );
    expect(await readFile(product.releasePath, 'utf8')).toBe(before);
  });

  it('repairs a damaged signature file that carries the id of the key', async () => {
    const product = await createProduct();
    await sign(product, ['--key-env', 'KEY', '--key-env', 'OTHER']);
    const path = `${product.artifactPath}.${short(other)}.sig`;
    const good = await readFile(path);
    await writeFile(path, 'damaged');
    await sign(product, ['--key-env', 'OTHER']);
    expect(await readFile(path)).toEqual(good);
  });
});

describe('ota sign refuses, and leaves nothing behind:', () => {
  it.each<[string, string, readonly string[], Record<string, string>]>([
    ['no key', 'usage', [], {}],
    ['a key file that is not there', 'key-unreadable', ['--key', 'no.pem'], {}],
    ['a folder as key', 'key-unreadable', ['--key', 'ota'], {}],
    ['a variable that is not set', 'key-unreadable', ['--key-env', 'NOTHING'], {}],
    ['a firmware image as key', 'key-invalid', ['--key', 'app.bin'], {}],
    ['a public key', 'key-invalid', ['--key-env', 'PUBLIC'], { PUBLIC: key.publicPem }],
    [
      'a key of another kind',
      'key-unsupported',
      ['--key-env', 'P384'],
      { P384: createPem('ecdsa-p384').privateKey },
    ],
    [
      'a second key that cannot be read',
      'key-unreadable',
      ['--key-env', 'KEY', '--key', 'no.pem'],
      {},
    ],
    ['a signer without its public key', 'usage', ['--signer', 'x {digest}'], {}],
  ])('%s', async (_what, code, words, env) => {
    const product = await createProduct();
    const before = await snapshot(product.folder);
    const ran = await sign(product, words, env);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain(`code: ${code}\n`);
    expect(await snapshot(product.folder)).toEqual(before);
  });

  it('a key that the product does not trust', async () => {
    const product = await createProduct(policyOf([key]));
    const before = await snapshot(product.folder);
    expect(await sign(product, ['--key-env', 'OTHER'])).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `error: the product does not trust the key ${other.publicKey.id}
hint: It trusts ${short(key)}. A new key goes into product.signing.keys first.
code: key-untrusted
`,
    });
    expect(await snapshot(product.folder)).toEqual(before);
  });

  it('a key that has expired', async () => {
    const policy = policyOf([key]);
    const keys = policy.keys.map((entry) => ({
      ...entry,
      name: 'release 2025',
      not_after: '2026-01-01T00:00:00Z',
    }));
    const product = await createProduct({ ...policy, keys });
    expect(await sign(product, ['--key-env', 'KEY'])).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `error: the key release 2025 has expired at 2026-01-01T00:00:00.000Z
hint: Sign with a key that is valid now, or correct not_before and not_after in product.signing.keys.
code: key-expired
`,
    });
  });

  it('a version that is not there', async () => {
    const product = await createProduct();
    const ran = await runOta(['sign', '--version', '9.9.9', '--key-env', 'KEY'], {
      cwd: product.folder,
      env: { KEY: key.privatePem },
    });
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain('code: version-unknown\n');
  });

  it.each<[string, string, (product: Product) => Promise<void>]>([
    ['is missing', 'artifact-missing', ({ artifactPath }) => rm(artifactPath)],
    [
      'has another size',
      'artifact-size-mismatch',
      ({ artifactPath }) => writeFile(artifactPath, 'x'),
    ],
    [
      'has other bytes',
      'artifact-hash-mismatch',
      ({ artifactPath }) => writeFile(artifactPath, sampleImage('1.2.3', 9)),
    ],
  ])('an artifact that %s', async (_what, code, damage) => {
    const product = await createProduct();
    await damage(product);
    const before = await snapshot(product.folder);
    const ran = await sign(product, ['--key-env', 'KEY']);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain(`code: ${code}\n`);
    expect(await snapshot(product.folder)).toEqual(before);
  });

  it('a release that was changed after somebody else signed it', async () => {
    const product = await createProduct(policyOf([key, other]));
    await sign(product, ['--key-env', 'KEY']);
    await product.writeRelease({ ...(await product.readRelease()), notes: 'changed' });
    const before = await snapshot(product.folder);
    const ran = await sign(product, ['--key-env', 'OTHER']);
    expect(ran).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `error: release 1.2.3 was changed after the key ${id} signed it
hint: Restore ota.json from where it was signed. A changed release needs a new version.
code: signature-invalid
`,
    });
    expect(await snapshot(product.folder)).toEqual(before);
  });

  it('a release that somebody packages again meanwhile', async () => {
    const product = await createProduct();
    const changed = { ...(await product.readRelease()), notes: 'new' };
    const slow: Signer = {
      publicKey: key.publicKey,
      async sign(bytes) {
        await product.writeRelease(changed);
        return key.signer.sign(bytes);
      },
    };
    const { manifestPath } = product;
    const signing = signVersion({ manifestPath, version: 'latest', signers: [slow], now });
    expect((await rejection(signing)).code).toBe('release-changed');
    expect(await product.readRelease()).toEqual(changed);
    expect(Object.keys(await snapshot(dirname(product.releasePath)))).toEqual([
      'Gateway-1.2.3.bin',
      'ota.json',
    ]);
  });
});
