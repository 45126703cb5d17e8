import { createPrivateKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OtaError } from '../../tools/core/errors.ts';
import { parsePrivateKey, parsePublicKey, publicPem } from '../../tools/core/signing/key.ts';
import { signBytes, verifyBytes } from '../../tools/core/signing/sign-bytes.ts';
import { code } from '../support/code.ts';
import { createKey, createPem } from '../support/keys.ts';

const message = Buffer.from('firmware');
const kinds = ['ed25519', 'ecdsa-p256', 'rsa'] as const;
const keys = Object.fromEntries(kinds.map((kind) => [kind, createKey(kind)]));
const keyOf = (kind: string) => keys[kind] ?? createKey();

/** RFC 8032 §7.1, test 2. */
const rfc8032 = {
  privatePem: toPem(
    '302e020100300506032b6570042204204ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
  ),
  message: Buffer.from('72', 'hex'),
  signature:
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
};

describe('keys', () => {
  it('sign and check with Ed25519 as RFC 8032 says', () => {
    const key = parsePrivateKey(rfc8032.privatePem, undefined, 'key.pem');
    const signature = signBytes(key, rfc8032.message);
    expect(Buffer.from(signature).toString('hex')).toBe(rfc8032.signature);
    expect(verifyBytes(key.publicKey, rfc8032.message, signature)).toBe(true);
  });

  it('have the SHA-256 of their SubjectPublicKeyInfo as id', () => {
    // openssl pkey -pubout -outform DER | sha256sum
    expect(parsePrivateKey(rfc8032.privatePem, undefined, 'key.pem').publicKey.id).toBe(
      'deb2ded39dc26fce0e6085b6fc34bf6b5941913bbfe2ea614113cff9e004c170',
    );
  });

  it.each(kinds)('of the kind %s sign, and their public halves check', (kind) => {
    const key = keyOf(kind);
    const signature = signBytes(key, message);
    const publicKey = parsePublicKey(publicPem(key.publicKey), 'key.pub.pem');
    expect(publicKey.id).toBe(key.publicKey.id);
    expect(verifyBytes(publicKey, message, signature)).toBe(true);
    expect(verifyBytes(publicKey, Buffer.from('Firmware'), signature)).toBe(false);
    expect(verifyBytes(createKey('ecdsa-p256').publicKey, message, signature)).toBe(false);
  });

  it.each(kinds)(
    'of the kind %s take no signature with a changed byte, and no other bytes',
    (kind) => {
      const key = keyOf(kind);
      const signature = signBytes(key, message);
      fc.assert(
        fc.property(fc.nat(signature.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
          const changed = Buffer.from(signature);
          changed.writeUInt8(changed.readUInt8(at) ^ flip, at);
          expect(verifyBytes(key.publicKey, message, changed)).toBe(false);
        }),
        { numRuns: 50 },
      );
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
          expect(verifyBytes(key.publicKey, message, bytes)).toBe(false);
        }),
        { numRuns: 50 },
      );
    },
  );

  it('are read from a variable whose line breaks are written as \\n', () => {
    const { privatePem, publicKey } = keyOf('ecdsa-p256');
    const flat = privatePem.replaceAll('\n', '\\n');
    expect(parsePrivateKey(flat, undefined, 'SIGNING_KEY').publicKey.id).toBe(publicKey.id);
  });

  it('are found behind other blocks', () => {
    const { privatePem, publicKey } = keyOf('ecdsa-p256');
    const parameters =
      '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
    const text = `a comment\n${parameters}${privatePem}`;
    expect(parsePrivateKey(text, undefined, 'key.pem').publicKey.id).toBe(publicKey.id);
  });

  it('of other kinds or sizes are refused', () => {
    for (const kind of ['ecdsa-p384', 'rsa-1024'] as const) {
      const { privateKey, publicKey } = createPem(kind);
      expect(code(() => parsePrivateKey(privateKey, undefined, 'k'))).toBe('key-unsupported');
      expect(code(() => parsePublicKey(publicKey, 'k'))).toBe('key-unsupported');
    }
  });

  it('are refused in the place of their other half', () => {
    const { privatePem, publicPem: spki } = keyOf('ed25519');
    expect(code(() => parsePrivateKey(spki, undefined, 'k'))).toBe('key-invalid');
    expect(code(() => parsePublicKey(privatePem, 'k'))).toBe('key-invalid');
  });

  it('that are cut, damaged or no PEM at all are refused', () => {
    const { privatePem, publicPem: spki } = keyOf('ed25519');
    const texts = ['', 'hello', privatePem.slice(0, -30), privatePem.replace('MC4', 'MC5')];
    for (const text of texts) {
      expect(code(() => parsePrivateKey(text, undefined, 'k'))).toBe('key-invalid');
    }
    expect(code(() => parsePublicKey(spki.replace('MC', 'AA'), 'k'))).toBe('key-invalid');
  });

  it('never fail in another way, whatever the text', () => {
    const label = fc.constantFrom('PRIVATE KEY', 'EC PRIVATE KEY', 'PUBLIC KEY', 'CERTIFICATE');
    const text = fc
      .tuple(label, fc.base64String(), fc.string())
      .map(
        ([name, body, tail]) => `-----BEGIN ${name}-----\n${body}\n-----END ${name}-----${tail}`,
      );
    fc.assert(
      fc.property(fc.oneof(text, fc.string()), (words) => {
        for (const parse of [
          () => parsePrivateKey(words, 'secret', 'k'),
          () => parsePublicKey(words, 'k'),
        ]) {
          expect(code(parse)).toMatch(/^key-(invalid|unsupported)$/);
        }
      }),
    );
  });
});

describe('an encrypted key', () => {
  const { privateKey } = createPem('ecdsa-p256');
  const encrypted = String(
    createPrivateKey(privateKey).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'correct horse',
    }),
  );

  it('opens with its passphrase', () => {
    const { publicKey } = parsePrivateKey(encrypted, 'correct horse', 'key.pem');
    expect(publicKey.id).toBe(parsePrivateKey(privateKey, undefined, 'k').publicKey.id);
  });

  it('stays closed without it, and no message tells the passphrase that was tried', () => {
    for (const passphrase of [undefined, '', 'battery staple']) {
      const error = caught(() => parsePrivateKey(encrypted, passphrase, 'key.pem'));
      expect(error?.code).toBe('key-passphrase');
      expect(`${error?.message} ${error?.hint} ${error?.cause}`).not.toContain('battery');
    }
  });
});

function caught(run: () => unknown): OtaError | undefined {
  try {
    run();
    return;
  } catch (error) {
    if (error instanceof OtaError) return error;
    throw error;
  }
}

function toPem(hex: string): string {
  const base64 = Buffer.from(hex, 'hex').toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${base64}\n-----END PRIVATE KEY-----\n`;
}
