import { describe, expect, it } from 'vitest';
import { OtaError } from '../../tools/core/errors.ts';
import { parseManifest } from '../../tools/core/release/manifest.ts';
import { parseRelease } from '../../tools/core/release/release.ts';

const id = 'a'.repeat(64);
const key = { id, path: 'keys/release.pub.pem' };
const withSigning = (signing: unknown) => ({
  schema_version: 1,
  product: { name: 'Gateway', signing },
  versions: [],
});
const artifact = { name: 'app', filename: 'app.bin', size: 1, sha256: 'b'.repeat(64) };
const withArtifact = (changes: object, release: object = {}) => ({
  version: '1.0.0',
  ...release,
  artifacts: [{ ...artifact, ...changes }],
});

function detailsOf(run: () => unknown): readonly string[] {
  try {
    run();
    return [];
  } catch (error) {
    if (error instanceof OtaError && error.code === 'manifest-invalid') return error.details;
    throw error;
  }
}

describe('product.signing', () => {
  it('takes keys as text or file, their times, a threshold and whether they are required', () => {
    const signing = {
      required: true,
      threshold: 2,
      keys: [
        { ...key, name: 'release 2025', not_after: '2026-06-30T00:00:00Z' },
        { id: 'c'.repeat(64), public_key: 'PEM', not_before: '2026-01-01T00:00:00+01:00' },
      ],
    };
    expect(parseManifest(withSigning(signing), 'm').product.signing).toEqual(signing);
  });

  it.each<[string, unknown, string]>([
    ['no key', { keys: [] }, 'product.signing.keys: must NOT have fewer than 1 items, is a list'],
    ['a key twice', { keys: [key, key] }, `product.signing.keys[1]: the key ${id} is listed twice`],
    [
      'a key without text and file',
      { keys: [{ id }] },
      'product.signing.keys[0]: must have either "public_key" or "path"',
    ],
    [
      'a key with both',
      { keys: [{ ...key, public_key: 'PEM' }] },
      'product.signing.keys[0]: must have either "public_key" or "path"',
    ],
    [
      'more signatures than keys',
      { keys: [key], threshold: 2 },
      'product.signing.threshold: is 2, but only 1 keys are trusted',
    ],
    [
      'a time that ends before it starts',
      { keys: [{ ...key, not_before: '2026-02-01T00:00:00Z', not_after: '2026-01-01T00:00:00Z' }] },
      'product.signing.keys[0]: must have a not_before that is earlier than its not_after',
    ],
    [
      // A date that is no date would make a key that never expires.
      'a day that does not exist',
      { keys: [{ ...key, not_after: '2026-01-45T00:00:00Z' }] },
      'product.signing.keys[0]: must have a not_before that is earlier than its not_after',
    ],
    [
      'an id in another form',
      { keys: [{ ...key, id: id.toUpperCase() }] },
      'product.signing.keys[0].id: must be 64 lowercase hexadecimal digits: the SHA-256 of the public key (SubjectPublicKeyInfo, DER), is "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA...',
    ],
  ])('refuses %s', (_what, signing, detail) => {
    expect(detailsOf(() => parseManifest(withSigning(signing), 'm'))).toEqual([detail]);
  });
});

describe('product.checks', () => {
  it('gives each check a level', () => {
    const product = { name: 'x', project: 'gateway', checks: { fits: 'error', dirty: 'off' } };
    expect(parseManifest({ schema_version: 1, product, versions: [] }, 'm').product).toEqual(
      product,
    );
    const wrong = { name: 'x', checks: { fits: 'warn' } };
    expect(
      detailsOf(() => parseManifest({ schema_version: 1, product: wrong, versions: [] }, 'm')),
    ).toEqual(['product.checks.fits: must be one of error, warning, off, is "warn"']);
  });
});

describe('a release', () => {
  it('may say what its image, its sources and the flash places of its artifacts are', () => {
    const release = withArtifact(
      { role: 'app', offset: 0x10000 },
      {
        image: {
          chip: 'esp32c3',
          project: 'gateway',
          app_version: '1.0.0',
          idf_version: 'v5.4',
          secure_version: 3,
          validation_hash: 'd'.repeat(64),
          elf_sha256: 'e'.repeat(64),
        },
        min_version: '0.9.0',
        notes: 'New things.',
        source: { commit: 'f'.repeat(40), dirty: false },
      },
    );
    expect(parseRelease(release, 'ota.json')).toEqual(release);
  });

  it.each<[string, unknown, string]>([
    [
      'an unknown role',
      withArtifact({ role: 'boot' }),
      'artifacts[0].role: must be one of app, bootloader, partition-table, otadata, merged, data, is "boot"',
    ],
    [
      'an offset as text',
      withArtifact({ offset: '0x10000' }),
      'artifacts[0].offset: must be integer, is "0x10000"',
    ],
    [
      'an offset past 4 GB',
      withArtifact({ offset: 2 ** 32 }),
      'artifacts[0].offset: must be <= 4294967295, is 4294967296',
    ],
    [
      'half a commit',
      withArtifact({}, { source: { commit: 'abc1234', dirty: false } }),
      'source.commit: must be a full git commit hash, is "abc1234"',
    ],
    [
      'a signature of an unknown algorithm',
      withArtifact({}, { signatures: [{ key_id: id, algorithm: 'none', value: '' }] }),
      'signatures[0].algorithm: must be one of ed25519, ecdsa-p256-sha256, rsa-pkcs1-sha256, is "none"',
    ],
    [
      'a signature that is not base64',
      withArtifact({}, { signatures: [{ key_id: id, algorithm: 'ed25519', value: 'a*' }] }),
      'signatures[0].value: must be base64, is "a*"',
    ],
  ])('refuses %s', (_what, release, detail) => {
    expect(detailsOf(() => parseRelease(release, 'ota.json'))).toEqual([detail]);
  });
});
