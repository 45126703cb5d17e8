import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SigningPolicy } from '../../tools/core/release/manifest.ts';
import { algorithms } from '../../tools/core/signing/algorithm.ts';
import { parsePublicKey } from '../../tools/core/signing/key.ts';
import { runOta } from '../support/io.ts';
import { run } from '../support/run.ts';
import { createProduct, type Product } from '../support/signed-product.ts';

const artifact = 'ota/versions/1.2.3/Gateway-1.2.3.bin';

async function must(cwd: string, program: string, args: readonly string[]): Promise<string> {
  const { exitCode, output } = await run(program, args, { cwd });
  expect(exitCode, `${program} ${args.join(' ')}\n${output}`).toBe(0);
  return output;
}

async function ota(cwd: string, words: readonly string[], env: Record<string, string> = {}) {
  const ran = await runOta(words, { cwd, env: { PATH: process.env.PATH ?? '', ...env } });
  expect(ran.exitCode, `ota ${words.join(' ')}\n${ran.stdout}${ran.stderr}`).toBe(0);
  return ran.stdout;
}

/** How `openssl` makes keys of each kind, in the forms that people have lying about. */
const opensslKeys: Record<string, readonly string[][]> = {
  'RSA in PKCS#1, as seed 003 makes it': [['genrsa', '-traditional', '-out', 'key.pem', '2048']],
  'RSA in PKCS#8': [
    ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072', '-out', 'key.pem'],
  ],
  'P-256 in SEC 1, behind its parameters': [
    ['ecparam', '-name', 'prime256v1', '-genkey', '-out', 'key.pem'],
  ],
  'P-256 in PKCS#8': [
    ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', 'key.pem'],
  ],
  Ed25519: [['genpkey', '-algorithm', 'ED25519', '-out', 'key.pem']],
  'P-256, encrypted': [
    ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', 'plain.pem'],
    [
      'pkcs8',
      '-topk8',
      '-v2',
      'aes-256-cbc',
      '-passout',
      'pass:horse',
      '-in',
      'plain.pem',
      '-out',
      'key.pem',
    ],
  ],
  'RSA, encrypted in the old way': [
    ['genrsa', '-traditional', '-aes128', '-passout', 'pass:horse', '-out', 'key.pem', '2048'],
  ],
};

/** Runs the `openssl` command that docs/signing.md gives for an algorithm. */
async function verifyWithOpenssl(cwd: string, algorithm: string, files: [string, string, string]) {
  const [publicKey, signature, file] = files;
  const words = algorithms
    .find(({ name }) => name === algorithm)
    ?.opensslVerify.replace('PUBLIC', publicKey)
    .replace('SIGNATURE', signature)
    .replace('FILE', file)
    .split(' ');
  const [program = '', ...args] = words ?? [];
  return must(cwd, program, args);
}

async function trust({ manifestPath }: Product, publicPem: string): Promise<void> {
  const manifest = JSON.parse(await readFile(manifestPath, 'utf8'));
  const entry = { id: parsePublicKey(publicPem, 'key.pub.pem').id, public_key: publicPem };
  const signing: SigningPolicy = { required: true, keys: [entry] };
  const product = { ...manifest.product, signing };
  await writeFile(manifestPath, JSON.stringify({ ...manifest, product }));
}

describe('openssl', () => {
  it.each(Object.keys(opensslKeys))('checks what we sign with its key: %s', async (kind) => {
    const { folder, readRelease } = await createProduct();
    for (const args of opensslKeys[kind] ?? []) await must(folder, 'openssl', args);
    const pass = ['-passin', 'pass:horse'];
    await must(folder, 'openssl', [
      'pkey',
      '-in',
      'key.pem',
      ...pass,
      '-pubout',
      '-out',
      'key.pub.pem',
    ]);
    const words = ['sign', '--version', '1.2.3', '--key', 'key.pem', '--passphrase-env', 'PASS'];
    await ota(folder, words, { PASS: 'horse' });
    const [entry] = (await readRelease()).signatures ?? [];
    const algorithm = entry?.algorithm ?? '';
    await verifyWithOpenssl(folder, algorithm, ['key.pub.pem', `${artifact}.sig`, artifact]);

    // The release signature, over what Python says is the canonical form.
    const canonical = `import json, sys
release = json.load(open('ota/versions/1.2.3/ota.json'))
del release['signatures']
text = json.dumps(release, sort_keys=True, separators=(',', ':'), ensure_ascii=False)
open('canonical.json', 'w', encoding='utf-8', newline='').write(text)`;
    await must(folder, 'python3', ['-c', canonical]);
    await writeFile(join(folder, 'release.sig'), Buffer.from(entry?.value ?? '', 'base64'));
    await verifyWithOpenssl(folder, algorithm, ['key.pub.pem', 'release.sig', 'canonical.json']);

    await must(folder, 'openssl', [
      'pkey',
      '-pubin',
      '-in',
      'key.pub.pem',
      '-outform',
      'DER',
      '-out',
      'key.der',
    ]);
    const der = await readFile(join(folder, 'key.der'));
    expect(entry?.key_id).toBe(createHash('sha256').update(der).digest('hex'));
  });

  it.each(['ecdsa-p256', 'rsa-3072', 'ed25519'])(
    'signs with our key %s, and we accept it',
    async (kind) => {
      const product = await createProduct();
      const { folder } = product;
      await ota(folder, ['keygen', '--algorithm', kind, '--out', 'key.pem']);
      await trust(product, await readFile(join(folder, 'key.pub.pem'), 'utf8'));
      const sign =
        kind === 'ed25519'
          ? [
              'pkeyutl',
              '-sign',
              '-rawin',
              '-inkey',
              'key.pem',
              '-in',
              artifact,
              '-out',
              `${artifact}.sig`,
            ]
          : ['dgst', '-sha256', '-sign', 'key.pem', '-out', `${artifact}.sig`, artifact];
      await must(folder, 'openssl', sign);
      const before = await readFile(join(folder, `${artifact}.sig`));
      await ota(folder, ['sign', '--version', '1.2.3', '--key', 'key.pem']);
      // Theirs is the signature of the artifact already: it stays.
      expect(await readFile(join(folder, `${artifact}.sig`))).toEqual(before);
      await ota(folder, ['verify']);
    },
  );

  it('opens our encrypted key with its passphrase only', async () => {
    const { folder } = await createProduct();
    await ota(folder, ['keygen', '--out', 'key.pem', '--passphrase-env', 'PASS'], {
      PASS: 'horse',
    });
    const open = (passphrase: string) =>
      run('openssl', ['pkey', '-in', 'key.pem', '-noout', '-passin', `pass:${passphrase}`], {
        cwd: folder,
      });
    expect((await open('horse')).exitCode).toBe(0);
    expect((await open('cow')).exitCode).not.toBe(0);
  });

  it.each(['ecdsa-p256', 'rsa-3072'])('serves as external signer of a digest: %s', async (kind) => {
    const product = await createProduct();
    const { folder } = product;
    await ota(folder, ['keygen', '--algorithm', kind, '--out', 'key.pem']);
    await trust(product, await readFile(join(folder, 'key.pub.pem'), 'utf8'));
    const script = `const { execFileSync } = require('node:child_process');
      const args = ['pkeyutl', '-sign', '-inkey', 'key.pem', '-pkeyopt', 'digest:sha256'];
      const input = Buffer.from(process.argv[2], 'hex');
      process.stdout.write(execFileSync('openssl', args, { input }).toString('base64'));`;
    await writeFile(join(folder, 'signer.cjs'), script);
    const signer = `"${process.execPath}" signer.cjs {digest}`;
    await ota(folder, [
      'sign',
      '--version',
      '1.2.3',
      '--signer',
      signer,
      '--public-key',
      'key.pub.pem',
    ]);
    expect(await ota(folder, ['verify'])).toContain('signed by');
  });
});
