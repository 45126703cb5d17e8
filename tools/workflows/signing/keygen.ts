import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { OtaError } from '../../core/errors.ts';
import { type PublicKey, parsePublicKey } from '../../core/signing/key.ts';
import { createFiles } from '../../workspace/changes/new-file.ts';

const generate = promisify(generateKeyPair);

/** What `--algorithm` takes. */
export const keyKinds = {
  'ecdsa-p256': () => generate('ec', { namedCurve: 'P-256' }),
  ed25519: () => generate('ed25519'),
  'rsa-3072': () => generate('rsa', { modulusLength: 3072 }),
} as const satisfies Record<string, () => Promise<{ privateKey: KeyObject; publicKey: KeyObject }>>;

export type KeyKind = keyof typeof keyKinds;

export interface KeygenOptions {
  readonly kind: KeyKind;
  /** Where the private key goes; the public one goes beside it, as `<name>.pub.pem`. */
  readonly path: string;
  readonly passphrase?: string;
}

export interface GeneratedKey {
  readonly publicKey: PublicKey;
  readonly publicPem: string;
  readonly privatePath: string;
  readonly publicPath: string;
}

/**
 * Makes a key pair as PEM files: PKCS#8 (encrypted with a passphrase when there is one), for its owner only, and
 * SubjectPublicKeyInfo. Never overwrites.
 *
 * @throws OtaError `key-passphrase`, `file-exists`, `write-failed`
 */
export async function generateKey({
  kind,
  path,
  passphrase,
}: KeygenOptions): Promise<GeneratedKey> {
  if (passphrase === '') {
    throw new OtaError('key-passphrase', 'the passphrase is empty', {
      hint: 'Set one, or leave the option out for a key without passphrase.',
    });
  }
  const { privateKey, publicKey } = await keyKinds[kind]();
  const encryption = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  const privatePem = String(privateKey.export({ type: 'pkcs8', format: 'pem', ...encryption }));
  const publicPem = String(publicKey.export({ type: 'spki', format: 'pem' }));
  const publicPath = `${path.replace(/\.pem$/, '')}.pub.pem`;
  await createFiles([
    { path, content: privatePem, mode: 0o600 },
    { path: publicPath, content: publicPem },
  ]);
  return {
    publicKey: parsePublicKey(publicPem, publicPath),
    publicPem,
    privatePath: path,
    publicPath,
  };
}
