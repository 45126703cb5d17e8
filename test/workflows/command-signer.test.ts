import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkSignatures } from '../../tools/core/signing/release-signature.ts';
import { verifyBytes } from '../../tools/core/signing/sign-bytes.ts';
import { parseSignerCommand, readSignerOutput } from '../../tools/core/signing/signer-command.ts';
import { createCommandSigner } from '../../tools/workflows/signing/command-signer.ts';
import { code, rejection } from '../support/code.ts';
import { runOta } from '../support/io.ts';
import { createKey, trustIn } from '../support/keys.ts';
import { createProduct } from '../support/signed-product.ts';
import { createFolder, snapshot } from '../support/temporary-workspace.ts';

const key = createKey('ecdsa-p256');
const bytes = Buffer.from('firmware');

/** A signer that is a Node script; it finds the digest in `digest` and the private key in `key`. */
async function createSigner(
  script: string,
  options: { timeoutMs?: number; signal?: AbortSignal } = {},
) {
  const cwd = await createFolder({
    'key.pem': key.privatePem,
    'sign.mjs': `
      import { readFileSync } from 'node:fs';
      import { sign } from 'node:crypto';
      import { spawn } from 'node:child_process';
      const digest = process.argv[2];
      const key = readFileSync('key.pem', 'utf8');
      const message = Buffer.from('firmware');
      ${script}`,
  });
  return createCommandSigner({
    command: `"${process.execPath}" sign.mjs {digest}`,
    publicKey: key.publicKey,
    timeoutMs: options.timeoutMs ?? 30_000,
    cwd,
    env: { PATH: process.env.PATH },
    signal: options.signal ?? new AbortController().signal,
  });
}

describe('an external signer', () => {
  it.each([
    ['bytes', `process.stdout.write(sign('sha256', message, key));`],
    ['base64', `console.log(sign('sha256', message, key).toString('base64'));`],
    [
      'wrapped base64',
      `console.log(sign('sha256', message, key).toString('base64').replace(/(.{40})/g, '$1\\n'));`,
    ],
    ['hexadecimal digits', `console.log(sign('sha256', message, key).toString('hex'));`],
    [
      'bare r and s',
      `process.stdout.write(sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' }));`,
    ],
    [
      'bare r and s in base64url',
      `console.log(sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' }).toString('base64url'));`,
    ],
  ])('may answer with %s', async (_form, script) => {
    const signer = await createSigner(script);
    const signature = await signer.sign(bytes);
    expect(verifyBytes(key.publicKey, bytes, signature)).toBe(true);
  });

  it('gets the SHA-256 in hexadecimal digits', async () => {
    const signer = await createSigner('console.error(digest); process.exit(3);');
    expect((await rejection(signer.sign(bytes))).details).toEqual([
      // printf firmware | sha256sum
      'c3bf47ea1f4a4a605470313cacb3a44f4a461f68c6faeab07e737610cb5ac835',
    ]);
  });

  it.each<[string, string, string]>([
    ['fails', 'console.error("card removed"); process.exit(3);', 'ended with status 3'],
    ['answers with nothing', '', 'gave 0 bytes that are no signature'],
    ['answers with nonsense', 'console.log("ok");', 'gave 3 bytes that are no signature'],
    [
      'signs something else',
      `process.stdout.write(sign('sha256', Buffer.from('other'), key));`,
      'are no signature',
    ],
    [
      'never stops talking',
      'for (let n = 0; n < 100; n += 1) console.log("x".repeat(1000));',
      'printed more than 16384 bytes',
    ],
  ])('that %s signs nothing', async (_what, script, words) => {
    const error = await rejection((await createSigner(script)).sign(bytes));
    expect(error.code).toBe('signer-failed');
    expect(error.message).toContain(words);
  });

  it.each([
    ['hangs', 'setInterval(() => {}, 1000);'],
    ['hangs and refuses to end', `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);`],
    [
      'leaves a child behind that hangs',
      `spawn(process.execPath, ['-e', 'setTimeout(() => {}, 8000)'], { stdio: 'inherit' });`,
    ],
  ])('that %s is given up in time', async (_what, script) => {
    const signer = await createSigner(script, { timeoutMs: 400 });
    const started = Date.now();
    const error = await rejection(signer.sign(bytes));
    expect(error).toMatchObject({ code: 'signer-failed' });
    expect(error.message).toContain('gave no answer within 0.4 s');
    expect(Date.now() - started).toBeLessThan(6000);
  });

  it('ends when the user cancels', async () => {
    const interrupt = new AbortController();
    const signer = await createSigner('setInterval(() => {}, 1000);', { signal: interrupt.signal });
    const signed = rejection(signer.sign(bytes));
    interrupt.abort();
    expect((await signed).code).toBe('cancelled');
  });

  it('that is not installed is named, and its arguments are not', async () => {
    const signer = createCommandSigner({
      command: 'no-such-signer --pin 4711 {digest}',
      publicKey: key.publicKey,
      timeoutMs: 1000,
      cwd: '.',
      env: {},
      signal: new AbortController().signal,
    });
    const error = await rejection(signer.sign(bytes));
    expect(error.message).toBe('the signer no-such-signer could not be started (ENOENT)');
    expect(`${error.hint} ${error.details}`).not.toContain('4711');
  });

  it('cannot sign with Ed25519, which takes no digest', () => {
    const create = () =>
      createCommandSigner({
        command: 'x {digest}',
        publicKey: createKey('ed25519').publicKey,
        timeoutMs: 1000,
        cwd: '.',
        env: {},
        signal: new AbortController().signal,
      });
    expect(code(create)).toBe('key-unsupported');
  });

  it('signs a whole release', async () => {
    const { folder, run, rsa, readRelease } = await createRsaSigner('');
    expect((await run()).exitCode).toBe(0);
    const trust = trustIn([rsa]);
    expect(checkSignatures(await readRelease(), trust, new Date()).sufficient).toBe(true);
    const artifact = join(folder, 'ota/versions/1.2.3/Gateway-1.2.3.bin');
    const signature = await readFile(`${artifact}.sig`);
    expect(verifyBytes(rsa.publicKey, await readFile(artifact), signature)).toBe(true);
  });

  it('that fails at its second signature leaves nothing behind', async () => {
    const outside = await createFolder();
    const { folder, run } = await createRsaSigner(
      'if (existsSync(process.env.MARK)) process.exit(1); writeFileSync(process.env.MARK, "");',
    );
    const before = await snapshot(folder);
    const ran = await run({ MARK: join(outside, 'mark') });
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toContain('code: signer-failed\n');
    expect(await snapshot(folder)).toEqual(before);
    expect(await snapshot(outside)).toEqual({ mark: '0 bytes' });
  });
});

/** A product, and a signer that signs the digest itself: RSASSA-PKCS1-v1_5 (RFC 8017 §9.2) by hand. */
async function createRsaSigner(first: string) {
  const rsa = createKey('rsa');
  const { folder, readRelease } = await createProduct();
  await writeFile(join(folder, 'key.pem'), rsa.privatePem);
  await writeFile(join(folder, 'key.pub.pem'), rsa.publicPem);
  await writeFile(
    join(folder, 'sign.mjs'),
    `import { existsSync, readFileSync, writeFileSync } from 'node:fs';
     import { constants, privateEncrypt } from 'node:crypto';
     ${first}
     const info = '3031300d060960864801650304020105000420' + process.argv[2];
     const key = { key: readFileSync('key.pem'), padding: constants.RSA_PKCS1_PADDING };
     process.stdout.write(privateEncrypt(key, Buffer.from(info, 'hex')));`,
  );
  const command = `"${process.execPath}" sign.mjs {digest}`;
  const words = ['sign', '--version', '1.2.3', '--public-key', 'key.pub.pem', '--signer', command];
  const run = (env: Record<string, string> = {}) => runOta(words, { cwd: folder, env });
  return { folder, run, rsa, readRelease };
}

describe('the words of --signer', () => {
  it.each<[string, string[]]>([
    ['sign {digest}', ['sign', '{digest}']],
    ['  sign   --hash={digest} ', ['sign', '--hash={digest}']],
    [`"my signer" 'a "b"' "it's" {digest}`, ['my signer', 'a "b"', "it's", '{digest}']],
    [`sign '' {digest}`, ['sign', '', '{digest}']],
    [
      'sign {digest}; rm -rf $HOME `x` \\n',
      ['sign', '{digest};', 'rm', '-rf', '$HOME', '`x`', '\\n'],
    ],
  ])('of %s are split without a shell', (text, words) => {
    expect(parseSignerCommand(text)).toEqual(words);
  });

  it.each(['', 'sign', '{digest}', 'sign "{digest}', "sign '{digest}"])('refuses %j', (text) => {
    expect(code(() => parseSignerCommand(text))).toBe('usage');
  });

  it('keeps the integers of a DER signature positive and short', () => {
    const pair = Buffer.alloc(64);
    pair.writeUInt8(0x80, 31);
    pair.writeUInt8(0x01, 63);
    const forms = readSignerOutput(pair).map((form) => Buffer.from(form).toString('hex'));
    expect(forms).toContain('300702020080020101');
  });
});
