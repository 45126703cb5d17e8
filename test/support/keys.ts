import { generateKeyPairSync } from 'node:crypto';
import { parsePrivateKey, type SigningKey } from '../../tools/core/signing/key.ts';
import { signBytes } from '../../tools/core/signing/sign-bytes.ts';
import type { Signer } from '../../tools/core/signing/sign-release.ts';
import type { Trust, TrustedKey } from '../../tools/core/signing/trust.ts';

export interface TestKey extends SigningKey {
  readonly privatePem: string;
  readonly publicPem: string;
  readonly signer: Signer;
}

const generate = {
  ed25519: () => generateKeyPairSync('ed25519'),
  'ecdsa-p256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  // The shortest that is taken: a longer one costs the tests a second each.
  rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'ecdsa-p384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'rsa-1024': () => generateKeyPairSync('rsa', { modulusLength: 1024 }),
};

export type KeyKind = keyof typeof generate;

/** A new key as PEM, of any kind. */
export function createPem(kind: KeyKind): { privateKey: string; publicKey: string } {
  const { privateKey, publicKey } = generate[kind]();
  return {
    privateKey: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    publicKey: String(publicKey.export({ type: 'spki', format: 'pem' })),
  };
}

/** A new key of a kind that may sign. */
export function createKey(kind: 'ed25519' | 'ecdsa-p256' | 'rsa' = 'ed25519'): TestKey {
  const { privateKey: privatePem, publicKey: publicPem } = createPem(kind);
  const key = parsePrivateKey(privatePem, undefined, 'a test key');
  const sign = async (bytes: Uint8Array) => signBytes(key, bytes);
  return { ...key, privatePem, publicPem, signer: { publicKey: key.publicKey, sign } };
}

/** Trust in these keys; a test changes one thing. */
export function trustIn(keys: readonly TestKey[], changes: Partial<Trust> = {}): Trust {
  return { keys: keys.map((key) => trusted(key)), threshold: 1, required: true, ...changes };
}

export function trusted({ publicKey }: TestKey, changes: Partial<TrustedKey> = {}): TrustedKey {
  const label = publicKey.id.slice(0, 16);
  return { publicKey, label, notBefore: undefined, notAfter: undefined, ...changes };
}
