import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePrivateKey, parsePublicKey } from '../../tools/core/signing/key.ts';
import { code } from '../support/code.ts';
import { runOta } from '../support/io.ts';
import { createFolder, snapshot } from '../support/temporary-workspace.ts';

describe('ota keygen', () => {
  it('writes both halves, and says how to trust the key', async () => {
    const cwd = await createFolder();
    const ran = await runOta(['keygen', '--out', 'keys/release.pem'], { cwd });
    const privateText = await readFile(join(cwd, 'keys/release.pem'), 'utf8');
    const publicText = await readFile(join(cwd, 'keys/release.pub.pem'), 'utf8');
    const { id } = parsePublicKey(publicText, 'public');
    expect(parsePrivateKey(privateText, undefined, 'private').publicKey.id).toBe(id);
    expect(ran).toEqual({
      exitCode: 0,
      stdout: `made the key ${id} (ecdsa-p256-sha256)
  private: keys/release.pem, for its owner only; keep it out of git
  public:  keys/release.pub.pem
To trust it, add this to product.signing.keys in the root manifest:
  ${JSON.stringify({ id, public_key: publicText })}
`,
      stderr: '',
    });
  });

  it('lets nobody but its owner read the private half', async () => {
    const cwd = await createFolder();
    await runOta(['keygen'], { cwd });
    expect((await stat(join(cwd, 'ota-signing.pem'))).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['ecdsa-p256', 'ecdsa-p256-sha256'],
    ['ed25519', 'ed25519'],
    ['rsa-3072', 'rsa-pkcs1-sha256'],
  ])('makes keys of the kind %s', async (kind, algorithm) => {
    const cwd = await createFolder();
    const ran = await runOta(['keygen', '--algorithm', kind, '--json'], { cwd });
    const publicText = await readFile(join(cwd, 'ota-signing.pub.pem'), 'utf8');
    const publicKey = parsePublicKey(publicText, 'public');
    expect(JSON.parse(ran.stdout)).toEqual({
      ok: true,
      key_id: publicKey.id,
      algorithm,
      private_key_path: join(cwd, 'ota-signing.pem'),
      public_key_path: join(cwd, 'ota-signing.pub.pem'),
      trusted_key: { id: publicKey.id, public_key: publicText },
    });
    if (kind === 'rsa-3072') {
      expect(publicKey.key.asymmetricKeyDetails?.modulusLength).toBe(3072);
    }
  });

  it.each([
    ['a variable', ['--passphrase-env', 'PASS'], { env: { PASS: 'correct horse' } }],
    ['standard input', ['--passphrase-stdin'], { stdin: 'correct horse\n' }],
  ])('encrypts the key with a passphrase from %s', async (_from, flags, from) => {
    const cwd = await createFolder();
    expect((await runOta(['keygen', ...flags], { cwd, ...from })).exitCode).toBe(0);
    const text = await readFile(join(cwd, 'ota-signing.pem'), 'utf8');
    expect(text).toContain('BEGIN ENCRYPTED PRIVATE KEY');
    expect(code(() => parsePrivateKey(text, undefined, 'k'))).toBe('key-passphrase');
    expect(parsePrivateKey(text, 'correct horse', 'k').publicKey.algorithm).toBe(
      'ecdsa-p256-sha256',
    );
  });

  it.each([
    ['is not set', ['--passphrase-env', 'PASS'], {}],
    ['is empty', ['--passphrase-env', 'PASS'], { env: { PASS: '' } }],
    ['is empty on standard input', ['--passphrase-stdin'], { stdin: '\n' }],
  ])('makes no key when the passphrase %s', async (_what, flags, from) => {
    const cwd = await createFolder();
    const ran = await runOta(['keygen', ...flags], { cwd, ...from });
    expect(ran).toMatchObject({ exitCode: 2, stdout: '' });
    expect(ran.stderr).toContain('code: key-passphrase\n');
    expect(await snapshot(cwd)).toEqual({});
  });

  it.each(['ota-signing.pem', 'ota-signing.pub.pem'])(
    'never overwrites: with %s in the way it leaves everything as it was',
    async (name) => {
      const cwd = await createFolder({ [name]: 'precious' });
      const ran = await runOta(['keygen'], { cwd });
      expect(ran).toEqual({
        exitCode: 1,
        stdout: '',
        stderr: `error: ${join(cwd, name)} is there already
hint: It is never overwritten: choose another name, or move it away yourself.
code: file-exists
`,
      });
      expect(await snapshot(cwd)).toEqual({ [name]: '8 bytes' });
      expect(await readFile(join(cwd, name), 'utf8')).toBe('precious');
    },
  );

  it('says so when a part of the path is a file', async () => {
    const cwd = await createFolder();
    await writeFile(join(cwd, 'keys'), '');
    const ran = await runOta(['keygen', '--out', 'keys/release.pem'], { cwd });
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toContain('code: write-failed\n');
  });
});
