import { describe, expect, it } from 'vitest';
import { parseRelease, type Release } from '../../tools/core/release/release.ts';
import { checkSignatures, signedBytes } from '../../tools/core/signing/release-signature.ts';
import { requireSigned } from '../../tools/core/signing/require-signed.ts';
import {
  type SignedRelease,
  type Signer,
  signRelease,
} from '../../tools/core/signing/sign-release.ts';
import { noTrust, parseTrust, type Trust } from '../../tools/core/signing/trust.ts';
import { code, rejection } from '../support/code.ts';
import { createKey, createPem, type TestKey, trusted, trustIn } from '../support/keys.ts';

const now = new Date('2026-02-03T04:05:06Z');
const bytes = Buffer.from('firmware');
const release: Release = {
  version: '1.2.3',
  created_at: '2026-01-31T12:00:00Z',
  notes: 'Fünf neue Dinge',
  artifacts: [{ name: 'Gateway', filename: 'app.bin', size: 8, sha256: 'a'.repeat(64) }],
};
const oldKey = createKey('ecdsa-p256');
const newKey = createKey('ed25519');

function sign(
  signers: readonly Signer[],
  options: { release?: Release; trust?: Trust; files?: Record<string, Uint8Array> } = {},
): Promise<SignedRelease> {
  return signRelease(
    {
      release: options.release ?? release,
      readArtifact: async () => bytes,
      readSignatureFiles: async () => new Map(Object.entries(options.files ?? {})),
    },
    signers,
    { trust: options.trust ?? noTrust, now },
  );
}

async function signedBy(...keys: readonly TestKey[]): Promise<Release> {
  return (await sign(keys.map(({ signer }) => signer))).release;
}

describe('a release signature', () => {
  it('covers everything but itself, in canonical form', () => {
    const text =
      '{"artifacts":[{"filename":"app.bin","name":"Gateway",' +
      `"sha256":"${'a'.repeat(64)}","size":8}],"created_at":"2026-01-31T12:00:00Z",` +
      '"notes":"Fünf neue Dinge","version":"1.2.3"}';
    expect(Buffer.from(signedBytes(release)).toString()).toBe(text);
    const signatures = [{ key_id: 'b'.repeat(64), algorithm: 'ed25519', value: '' }];
    expect(Buffer.from(signedBytes({ ...release, signatures })).toString()).toBe(text);
  });

  it('is an entry of ota.json that the schema takes', async () => {
    const signed = await signedBy(oldKey, newKey);
    expect(signed.signatures).toEqual([
      {
        key_id: oldKey.publicKey.id,
        algorithm: 'ecdsa-p256-sha256',
        signed_at: '2026-02-03T04:05:06Z',
        value: expect.stringMatching(/^[A-Za-z0-9+/]+=*$/),
      },
      expect.objectContaining({ key_id: newKey.publicKey.id, algorithm: 'ed25519' }),
    ]);
    expect(parseRelease(signed, 'ota.json')).toEqual(signed);
  });

  it('is valid whatever the order of keys, and under a new signed_at', async () => {
    const signed = await signedBy(newKey);
    const { version, ...rest } = signed;
    const moved = {
      ...rest,
      version,
      signatures: signed.signatures?.map((entry) => ({
        ...entry,
        signed_at: '1999-01-01T00:00:00Z',
      })),
    };
    expect(checkSignatures(moved as Release, trustIn([newKey]), now).sufficient).toBe(true);
  });

  it.each<[string, Partial<Release>]>([
    ['version', { version: '1.2.4' }],
    [
      'size',
      { artifacts: [{ name: 'Gateway', filename: 'app.bin', size: 9, sha256: 'a'.repeat(64) }] },
    ],
    ['notes', { notes: 'Fünf neue dinge' }],
    ['new key', { min_version: '1.0.0' }],
  ])('does not match after a change of the %s', async (_what, change) => {
    const changed = { ...(await signedBy(newKey)), ...change };
    const verdict = checkSignatures(changed, trustIn([newKey]), now);
    expect(verdict).toMatchObject({ valid: [], sufficient: false });
    expect(verdict.invalid.map(({ publicKey }) => publicKey.id)).toEqual([newKey.publicKey.id]);
    // Whether signatures are required or not: somebody changed what was signed.
    for (const required of [true, false]) {
      const trust = trustIn([newKey], { required });
      expect(code(() => requireSigned(changed, trust, now))).toBe('signature-invalid');
    }
  });

  it('does not match under the name of another key or algorithm', async () => {
    const { signatures = [], ...content } = await signedBy(newKey);
    const asOld = signatures.map((entry) => ({ ...entry, key_id: oldKey.publicKey.id }));
    const verdict = checkSignatures(
      { ...content, signatures: asOld },
      trustIn([oldKey, newKey]),
      now,
    );
    expect(verdict.invalid.map(({ publicKey }) => publicKey.id)).toEqual([oldKey.publicKey.id]);
    const asRsa = signatures.map((entry) => ({ ...entry, algorithm: 'rsa-pkcs1-sha256' }));
    expect(
      checkSignatures({ ...content, signatures: asRsa }, trustIn([newKey]), now).invalid,
    ).toHaveLength(1);
  });
});

describe('trust', () => {
  it('refuses an unsigned release, and says what it needs', () => {
    const trust = trustIn([oldKey, newKey], { threshold: 2 });
    const error = caught(() => requireSigned(release, trust, now));
    expect(error).toMatchObject({
      code: 'signature-missing',
      details: [
        `needs signatures of 2 of these keys: ${short(oldKey)}, ${short(newKey)}; has none`,
      ],
    });
  });

  it('lets an unsigned release pass where signatures are not required', () => {
    expect(requireSigned(release, trustIn([oldKey], { required: false }), now).sufficient).toBe(
      false,
    );
    expect(requireSigned(release, noTrust, now).sufficient).toBe(false);
  });

  it('counts different keys, not signatures', async () => {
    const trust = trustIn([oldKey, newKey], { threshold: 2 });
    const once = await signedBy(newKey);
    const twice = { ...once, signatures: [...(once.signatures ?? []), ...(once.signatures ?? [])] };
    expect(code(() => requireSigned(twice, trust, now))).toBe('signature-missing');
    expect(requireSigned(await signedBy(oldKey, newKey), trust, now).valid).toHaveLength(2);
  });

  it('takes a release signed by the old and the new key from whoever trusts either: a bridge', async () => {
    const bridge = await signedBy(oldKey, newKey);
    for (const key of [oldKey, newKey]) {
      expect(requireSigned(bridge, trustIn([key]), now).sufficient).toBe(true);
    }
    const last = await signedBy(newKey);
    expect(code(() => requireSigned(last, trustIn([oldKey]), now))).toBe('signature-missing');
  });

  it('counts a key within its time only, by the clock of whoever checks', async () => {
    const signed = await signedBy(newKey);
    const within = (notBefore: string, notAfter: string): Trust => ({
      ...trustIn([]),
      keys: [trusted(newKey, { notBefore: new Date(notBefore), notAfter: new Date(notAfter) })],
    });
    const check = (trust: Trust) => code(() => requireSigned(signed, trust, now));
    expect(check(within('2026-02-03T04:05:06Z', '2026-02-03T04:05:07Z'))).toBe(undefined);
    expect(check(within('2026-01-01T00:00:00Z', '2026-02-03T04:05:06Z'))).toBe('signature-missing');
    expect(check(within('2026-02-03T04:05:07Z', '2027-01-01T00:00:00Z'))).toBe('signature-missing');
    const error = caught(() =>
      requireSigned(signed, within('2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'), now),
    );
    expect(error).toMatchObject({
      details: [
        expect.anything(),
        `the key ${short(newKey)} has expired at 2026-02-01T00:00:00.000Z`,
      ],
    });
  });

  it('names the keys that signed without being trusted', async () => {
    const signed = await signedBy(oldKey);
    expect(caught(() => requireSigned(signed, trustIn([newKey]), now))).toMatchObject({
      details: [
        expect.anything(),
        `the key ${short(oldKey)} signed, but the product does not trust it`,
      ],
    });
  });

  it('comes from the manifest, each key pinned by its id', () => {
    const entry = { id: newKey.publicKey.id, path: 'keys/new.pub.pem', name: 'release 2026' };
    const trust = parseTrust({ keys: [entry] }, () => newKey.publicPem);
    expect(trust).toMatchObject({
      threshold: 1,
      required: false,
      keys: [{ label: 'release 2026' }],
    });
    expect(code(() => parseTrust({ keys: [entry] }, () => oldKey.publicPem))).toBe('key-mismatch');
    expect(code(() => parseTrust({ keys: [entry] }, () => newKey.privatePem))).toBe('key-invalid');
    const { publicKey } = createPem('ecdsa-p384');
    expect(code(() => parseTrust({ keys: [entry] }, () => publicKey))).toBe('key-unsupported');
  });
});

describe('signing a release', () => {
  it('changes nothing the second time', async () => {
    const first = await sign([newKey.signer]);
    const second = await sign([newKey.signer], {
      release: first.release,
      files: Object.fromEntries(first.files),
    });
    expect(second.release).toBe(first.release);
    expect([...second.files]).toEqual([]);
    expect(second).toMatchObject({ added: [], kept: [{ id: newKey.publicKey.id }] });
  });

  it('signs once with a key that is given twice', async () => {
    const { release: signed, files, kept } = await sign([newKey.signer, newKey.signer]);
    expect(signed.signatures).toHaveLength(1);
    expect([...files.keys()]).toEqual(['app.bin.sig']);
    expect(kept).toEqual([]);
  });

  it('gives the plain .sig to the first key, and names the files of others after their ids', async () => {
    const { files } = await sign([oldKey.signer, newKey.signer]);
    expect([...files.keys()]).toEqual(['app.bin.sig', `app.bin.${short(newKey)}.sig`]);
    const later = await sign([newKey.signer], { files: { 'app.bin.sig': Buffer.from('unknown') } });
    expect([...later.files.keys()]).toEqual([`app.bin.${short(newKey)}.sig`]);
  });

  it('refuses to bless what was changed after somebody else signed it', async () => {
    const changed = { ...(await signedBy(oldKey)), notes: 'other' };
    const trust = trustIn([oldKey, newKey]);
    const error = await rejection(sign([newKey.signer], { release: changed, trust }));
    expect(error.code).toBe('signature-invalid');
  });

  it('refuses keys that the product does not trust, or not now', async () => {
    const refuse = (trust: Trust) => rejection(sign([newKey.signer], { trust }));
    expect((await refuse(trustIn([oldKey]))).code).toBe('key-untrusted');
    const expired = trusted(newKey, { notAfter: new Date('2026-02-01T00:00:00Z') });
    expect((await refuse({ ...trustIn([]), keys: [expired] })).code).toBe('key-expired');
  });

  it('refuses the answer of a signer that uses another key', async () => {
    const signer = { publicKey: oldKey.publicKey, sign: createKey('ecdsa-p256').signer.sign };
    expect((await rejection(sign([signer]))).code).toBe('signer-failed');
  });
});

function short({ publicKey }: TestKey): string {
  return publicKey.id.slice(0, 16);
}

function caught(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}
