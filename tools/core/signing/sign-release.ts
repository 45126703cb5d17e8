import { OtaError } from '../errors.ts';
import type { Artifact, Release, ReleaseSignature } from '../release/release.ts';
import { chooseSignatureFile, type SignatureFiles } from './artifact-signature.ts';
import type { PublicKey } from './key.ts';
import { isSignatureOf, signedBytes, toReleaseSignature } from './release-signature.ts';
import { verifyBytes } from './sign-bytes.ts';
import { requireUsable, type Trust } from './trust.ts';

/** Something that signs: a key in memory, or a command that asks a hardware key or a KMS. */
export interface Signer {
  readonly publicKey: PublicKey;
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

export interface ReleaseToSign {
  readonly release: Release;
  /** The artifact's bytes, already known to have the size and the SHA-256 that the release says. */
  readArtifact(artifact: Artifact): Promise<Uint8Array>;
  readSignatureFiles(artifact: Artifact): Promise<SignatureFiles>;
}

/** A release with its new signatures; nothing is written yet. */
export interface SignedRelease {
  readonly release: Release;
  /** Signature files to write beside the artifacts, by name. */
  readonly files: SignatureFiles;
  /** Keys whose signature is new in `release`, and keys that had signed it before. */
  readonly added: readonly PublicKey[];
  readonly kept: readonly PublicKey[];
}

/**
 * Signs a release and each of its artifacts with every signer. What is signed already stays as it is, so signing
 * twice changes nothing. Every new signature is checked before it is handed out.
 *
 * @throws OtaError `key-untrusted`, `key-expired`, `signature-invalid` (the release was changed after somebody
 *   signed it: a second signature would bless that), `signer-failed`, and what the signers throw
 */
export async function signRelease(
  { release, readArtifact, readSignatureFiles }: ReleaseToSign,
  given: readonly Signer[],
  { trust, now }: { trust: Trust; now: Date },
): Promise<SignedRelease> {
  const signers = [...new Map(given.map((signer) => [signer.publicKey.id, signer])).values()];
  for (const { publicKey } of signers) requireUsable(publicKey, trust, now);
  const keys = [...trust.keys, ...signers].map(({ publicKey }) => publicKey);
  const bytes = signedBytes(release);
  const entries = release.signatures ?? [];
  requireUnchanged(release, entries, keys, bytes);

  const signatures: ReleaseSignature[] = [...entries];
  const files = new Map<string, Uint8Array>();
  const added: PublicKey[] = [];
  const kept: PublicKey[] = [];
  for (const signer of signers) {
    const { publicKey } = signer;
    if (signatures.some(({ key_id }) => key_id === publicKey.id)) kept.push(publicKey);
    else {
      const signature = await signChecked(signer, bytes);
      signatures.push(toReleaseSignature(publicKey, signature, now));
      added.push(publicKey);
    }
  }
  for (const artifact of release.artifacts) {
    const content = await readArtifact(artifact);
    const existing = new Map(await readSignatureFiles(artifact));
    for (const signer of signers) {
      const name = chooseSignatureFile(artifact.filename, signer.publicKey, content, existing);
      if (name === undefined) continue;
      const signature = await signChecked(signer, content);
      existing.set(name, signature);
      files.set(name, signature);
    }
  }
  return { release: added.length === 0 ? release : { ...release, signatures }, files, added, kept };
}

function requireUnchanged(
  release: Release,
  entries: readonly ReleaseSignature[],
  keys: readonly PublicKey[],
  bytes: Uint8Array,
): void {
  for (const entry of entries) {
    const key = keys.find(({ id }) => id === entry.key_id);
    if (key === undefined || isSignatureOf(entry, key, bytes)) continue;
    throw new OtaError(
      'signature-invalid',
      `release ${release.version} was changed after the key ${entry.key_id} signed it`,
      { hint: 'Restore ota.json from where it was signed. A changed release needs a new version.' },
    );
  }
}

/** A card or a service can answer with anything; a wrong signature must not reach a file. */
async function signChecked(signer: Signer, bytes: Uint8Array): Promise<Uint8Array> {
  const signature = await signer.sign(bytes);
  if (verifyBytes(signer.publicKey, bytes, signature)) return signature;
  throw new OtaError(
    'signer-failed',
    `the signer's answer is no signature of the key ${signer.publicKey.id}`,
    {
      hint: 'Check that the command uses the private half of --public-key.',
    },
  );
}
