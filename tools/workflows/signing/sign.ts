import { join } from 'node:path';
import { OtaError } from '../../core/errors.ts';
import { sameJson } from '../../core/json.ts';
import { type SignedRelease, type Signer, signRelease } from '../../core/signing/sign-release.ts';
import { readArtifact } from '../../workspace/artifact-file.ts';
import { changeFiles, stageBytes } from '../../workspace/changes/file-change.ts';
import { stageJson } from '../../workspace/changes/json-write.ts';
import { withLock } from '../../workspace/changes/lock.ts';
import { readSignatureFiles } from '../../workspace/signing/signature-files.ts';
import { readTrust } from '../../workspace/signing/trusted-keys.ts';
import {
  artifactPath,
  openWorkspace,
  readManifest,
  readRelease,
  readReleaseAt,
  type StoredRelease,
} from '../../workspace/workspace.ts';

export interface SignOptions {
  readonly manifestPath: string;
  readonly outputFolder?: string;
  /** A version id, or `latest`. */
  readonly version: string;
  readonly signers: readonly Signer[];
  readonly now: Date;
}

export interface SignResult extends SignedRelease {
  readonly releasePath: string;
  /** Absolute paths of the signature files that are new. */
  readonly signaturePaths: readonly string[];
}

/**
 * Signs a release that is listed in the root manifest, and its artifacts. Every artifact is verified first; a
 * release that is signed already by all keys stays as it is.
 *
 * @throws OtaError about the manifests, the artifacts, the keys, the signers; `release-changed`, `write-failed`
 */
export async function signVersion(options: SignOptions): Promise<SignResult> {
  const workspace = openWorkspace(options.manifestPath, options.outputFolder);
  const manifest = await readManifest(workspace);
  const stored = await readRelease(workspace, manifest, options.version);
  const { path: releasePath, artifactFolder, release } = stored;
  const signed = await signRelease(
    {
      release,
      readArtifact: async (artifact) =>
        readArtifact(await artifactPath(workspace, stored, artifact), artifact),
      readSignatureFiles: ({ filename }) => readSignatureFiles(artifactFolder, filename),
    },
    options.signers,
    { trust: await readTrust(workspace, manifest), now: options.now },
  );
  // Signing may take as long as somebody needs to touch a token, so the lock is taken only now.
  if (signed.added.length > 0 || signed.files.size > 0) {
    await withLock(workspace.manifestPath, (requireHeld) => write(stored, signed, requireHeld));
  }
  const signaturePaths = [...signed.files.keys()].map((name) => join(artifactFolder, name));
  return { ...signed, releasePath, signaturePaths };
}

async function write(
  { path, artifactFolder, release }: StoredRelease,
  signed: SignedRelease,
  requireHeld: () => void,
): Promise<void> {
  if (!sameJson(await readReleaseAt(path), release)) {
    throw new OtaError('release-changed', `${path} was changed while it was being signed`, {
      hint: 'Somebody packaged or signed the same version: look at it, then sign again.',
    });
  }
  await changeFiles(async (change) => {
    for (const [name, bytes] of signed.files)
      await stageBytes(change, join(artifactFolder, name), bytes);
    if (signed.added.length > 0) await stageJson(change, path, signed.release);
    requireHeld();
  });
}
