import { basename, dirname, join } from 'node:path';
import { collectFinding, type Finding } from '../../core/release/findings.ts';
import { chooseVersion, type RootManifest } from '../../core/release/manifest.ts';
import { isSignatureFileOf } from '../../core/signing/signature-name.ts';
import { noTrust } from '../../core/signing/trust.ts';
import { verifyArtifact } from '../../workspace/artifact-file.ts';
import { namesIn } from '../../workspace/folder.ts';
import { readTrust } from '../../workspace/signing/trusted-keys.ts';
import {
  artifactPath,
  openWorkspace,
  readEntry,
  readManifest,
  type StoredRelease,
  type Workspace,
} from '../../workspace/workspace.ts';
import { verifyImage } from './verify-image.ts';
import { verifySignatures } from './verify-signatures.ts';

export interface VerifyOptions {
  readonly manifestPath: string;
  readonly outputFolder?: string;
  /** One version, or `latest`; default all. */
  readonly version?: string;
  /** For the times of keys. */
  readonly now: Date;
}

export interface VerifiedRelease {
  readonly version: string;
  readonly artifacts: readonly { filename: string; size: number; sha256: string }[];
  /** Ids of the trusted keys whose signatures count. */
  readonly signed_by: readonly string[];
}

export interface VerifyResult {
  /** Releases whose every file is as it should be. */
  readonly verified: readonly VerifiedRelease[];
  readonly findings: readonly Finding[];
}

/**
 * Checks the files of one release, or of all: there, of the right size, with the right SHA-256, signed as the
 * product demands. Files and folders that no release mentions are warnings.
 *
 * @throws OtaError when the root manifest cannot be used, or has no such version
 */
export async function verify(options: VerifyOptions): Promise<VerifyResult> {
  const workspace = openWorkspace(options.manifestPath, options.outputFolder);
  const manifest = await readManifest(workspace);
  const entries =
    options.version === undefined
      ? manifest.versions
      : [chooseVersion(manifest, options.version, options.manifestPath)];
  const findings: Finding[] = [];
  const verified: VerifiedRelease[] = [];
  const stored: StoredRelease[] = [];
  let trust = noTrust;
  await collectFinding(findings, { file: options.manifestPath }, async () => {
    trust = await readTrust(workspace, manifest);
  });
  for (const entry of entries) {
    const before = findings.length;
    await collectFinding(findings, { file: options.manifestPath, version: entry.id }, async () => {
      stored.push(await readEntry(workspace, entry));
    });
    const release = stored.find((one) => one.release.version === entry.id);
    if (release === undefined) continue;
    await verifyFiles(workspace, release, findings);
    if (findings.length > before) continue;
    const signedBy = await verifySignatures(workspace, release, trust, options.now, findings);
    if (findings.slice(before).every(({ level }) => level !== 'error')) {
      verified.push(toVerified(release, signedBy));
    }
  }
  findings.push(...(await findOrphans(workspace, manifest, stored, options.version === undefined)));
  return { verified, findings };
}

async function verifyFiles(
  workspace: Workspace,
  stored: StoredRelease,
  findings: Finding[],
): Promise<void> {
  for (const artifact of stored.release.artifacts) {
    const about = {
      file: join(stored.artifactFolder, artifact.filename),
      version: stored.release.version,
    };
    await collectFinding(findings, about, async () => {
      const path = await artifactPath(workspace, stored, artifact);
      await verifyArtifact(path, artifact);
      await verifyImage(path, artifact, stored.release);
    });
  }
}

function toVerified({ release }: StoredRelease, signedBy: readonly string[]): VerifiedRelease {
  return {
    version: release.version,
    artifacts: release.artifacts.map(({ filename, size, sha256 }) => ({ filename, size, sha256 })),
    signed_by: signedBy,
  };
}

/** Files beside an ota.json that it does not list, and, for all versions, folders that nothing lists. */
async function findOrphans(
  workspace: Workspace,
  manifest: RootManifest,
  stored: readonly StoredRelease[],
  allVersions: boolean,
): Promise<Finding[]> {
  const orphans: { file: string; version?: string }[] = [];
  for (const { path, artifactFolder, release } of stored) {
    const filenames = release.artifacts.map(({ filename }) => filename);
    for (const name of await namesIn(artifactFolder)) {
      const known =
        name === basename(path) ||
        filenames.some((filename) => name === filename || isSignatureFileOf(filename, name));
      if (!known) orphans.push({ file: join(artifactFolder, name), version: release.version });
    }
  }
  if (allVersions) {
    const releases = join(dirname(workspace.manifestPath), 'versions');
    const known = new Set(
      manifest.versions.map(({ manifest: path }) =>
        dirname(join(dirname(workspace.manifestPath), path)),
      ),
    );
    for (const name of await namesIn(releases)) {
      if (!known.has(join(releases, name))) orphans.push({ file: join(releases, name) });
    }
  }
  return orphans.map((orphan) => ({
    level: 'warning',
    ...orphan,
    code: 'orphan',
    message: 'no release mentions this',
    hint: 'Remove it, or package the version again with --update-manifest.',
  }));
}
