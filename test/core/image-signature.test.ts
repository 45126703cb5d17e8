import { createHash, createPublicKey } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseImage } from '../../tools/core/image/parse-image.ts';
import type { SecureBootV2Signature } from '../../tools/core/image/signature/image-signature.ts';
import { code, ecKey, filled, joined, patched, rsaKey, sampleApp } from '../support/esp-images.ts';
import { signImage, withCrc } from '../support/sign-image.ts';

const app = sampleApp();
const sector = 4096;
let rsa = ecKey('prime256v1');
beforeAll(() => {
  rsa = rsaKey();
});

function signatureOf(bytes: Uint8Array): SecureBootV2Signature {
  const file = parseImage(bytes);
  if (file.kind !== 'app' || file.signature?.scheme !== 'secure-boot-v2') {
    throw new Error('the app is not signed');
  }
  return file.signature;
}

const good = { digest: 'valid', crc: 'valid', signature: 'valid' };

describe('a Secure Boot V2 signature', () => {
  it('by an RSA key is verified', () => {
    const { fileOffset, blocks } = signatureOf(signImage(app, [rsa]));
    expect(fileOffset).toBe(sector);
    expect(blocks).toMatchObject([{ index: 0, algorithm: 'rsa3072', ...good }]);
  });

  it.each([
    ['prime192v1', 'ecdsa-p192'],
    ['prime256v1', 'ecdsa-p256'],
    ['secp384r1', 'ecdsa-p384'],
  ] as const)('by a key on %s is verified', (curve, algorithm) => {
    const { blocks } = signatureOf(signImage(app, [ecKey(curve)]));
    expect(blocks).toMatchObject([{ algorithm, ...good }]);
  });

  it('is checked without changing the bytes that were given', () => {
    for (const key of [rsa, ecKey('secp384r1')]) {
      const signed = Buffer.from(signImage(app, [key]));
      const before = Buffer.from(signed);
      expect(signatureOf(signed).blocks).toMatchObject([good]);
      expect(signed.equals(before)).toBe(true);
    }
  });

  it('can hold three blocks', () => {
    const keys = [ecKey('prime256v1'), rsa, ecKey('secp384r1')];
    const { blocks } = signatureOf(signImage(app, keys));
    expect(blocks.map(({ index, algorithm }) => [index, algorithm])).toEqual([
      [0, 'ecdsa-p256'],
      [1, 'rsa3072'],
      [2, 'ecdsa-p384'],
    ]);
    expect(new Set(blocks.map(({ keyDigest }) => keyDigest)).size).toBe(3);
  });

  it('shows the digest of the key as it is burned into eFuse', () => {
    const { n = '' } = createPublicKey(rsa).export({ format: 'jwk' });
    const signed = signImage(app, [rsa]);
    const block = signed.subarray(sector, sector + 1216);
    expect(Buffer.from(block.subarray(36, 420)).reverse().toString('base64url')).toBe(n);
    const digest = createHash('sha256').update(block.subarray(36, 812)).digest('hex');
    expect(signatureOf(signed).blocks[0]?.keyDigest).toBe(digest);
  });

  it('covers the gap behind the image', () => {
    const signed = signImage(app, [rsa]);
    expect(signatureOf(patched(signed, sector - 1, [0])).blocks).toMatchObject([
      { digest: 'invalid', crc: 'valid', signature: 'invalid' },
    ]);
  });

  it('with a flipped bit has a bad CRC', () => {
    const signed = signImage(app, [rsa]);
    const at = sector + 900;
    expect(signatureOf(patched(signed, at, [(signed[at] ?? 0) ^ 1])).blocks).toMatchObject([
      { digest: 'valid', crc: 'invalid', signature: 'invalid' },
    ]);
  });

  it.each(['rsa', 'ec'])('with a flipped bit and a right CRC is still not valid (%s)', (kind) => {
    const signed = signImage(app, [kind === 'rsa' ? rsa : ecKey('prime256v1')]);
    const at = sector + (kind === 'rsa' ? 900 : 110);
    const flipped = patched(signed, at, [(signed[at] ?? 0) ^ 1]);
    const repaired = withCrc(flipped.subarray(sector, sector + 1216));
    expect(signatureOf(patched(flipped, sector, [...repaired])).blocks).toMatchObject([
      { digest: 'valid', crc: 'valid', signature: 'invalid' },
    ]);
  });

  it('with a point off the curve is not valid', () => {
    const signed = signImage(app, [ecKey('prime256v1')]);
    const wrong = patched(signed, sector + 40, [1, 2, 3, 4]);
    expect(signatureOf(wrong).blocks).toMatchObject([{ signature: 'invalid' }]);
  });

  it('ends at the first block with a bad CRC', () => {
    const signed = signImage(app, [ecKey('prime256v1'), ecKey('prime256v1')]);
    expect(signatureOf(patched(signed, sector + 1100, [1])).blocks).toHaveLength(1);
  });

  it('says when a second block is of no known kind', () => {
    const signed = patched(signImage(app, [rsa]), sector + 1216, [0xe7, 9, 9, 9]);
    expect(signatureOf(signed).blocks).toHaveLength(1);
    expect(parseImage(signed).findings).toMatchObject([{ code: 'signature-block' }]);
  });

  it.each([
    ['version', 1, [4]],
    ['hash id', 2, [7]],
  ])('of an unknown %s is trailing data', (_, offset, values) => {
    const signed = patched(signImage(app, [ecKey('prime256v1')]), sector + offset, values);
    expect(parseImage(signed)).toMatchObject({
      signature: undefined,
      trailing: { content: 'data' },
    });
  });

  it('may be followed by padding', () => {
    const signed = signImage(app, [rsa]);
    expect(parseImage(joined(signed, filled(sector, 0xff)))).toMatchObject({
      signature: { scheme: 'secure-boot-v2' },
      trailing: { fileOffset: signed.length, sizeBytes: sector, content: 'ff' },
    });
  });

  it('cut short is none', () => {
    const signed = signImage(app, [rsa]);
    expect(parseImage(signed.subarray(0, -1))).toMatchObject({ signature: undefined });
  });
});

describe('a Secure Boot V1 signature', () => {
  const trailer = joined(filled(4, 0), code(64));

  it.each([
    ['alone', new Uint8Array()],
    ['before 12 bytes of any kind', code(12)],
    ['before a few zeros', filled(5, 0)],
    ['before FF padding', filled(100, 0xff)],
  ])('is recognised %s', (_, rest) => {
    expect(parseImage(joined(app, trailer, rest))).toMatchObject({
      signature: { scheme: 'secure-boot-v1', fileOffset: app.length },
    });
  });

  it.each([
    ['zeros', filled(68, 0)],
    ['a version other than 0', joined(Uint8Array.of(1, 0, 0, 0), code(64))],
    ['a blank signature', joined(filled(4, 0), filled(64, 0xff))],
    ['data behind it', joined(trailer, code(40))],
    ['a byte missing', trailer.subarray(0, 67)],
  ])('is not seen in %s', (_, tail) => {
    expect(parseImage(joined(app, tail))).toMatchObject({
      signature: undefined,
      trailing: { sizeBytes: tail.length },
    });
  });
});
