import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { OtaError } from '../../core/errors.ts';
import type { RootManifest } from '../../core/release/manifest.ts';
import { requireSigned, unsignedFile } from '../../core/signing/require-signed.ts';
import type { Trust } from '../../core/signing/trust.ts';
import { readSignature } from '../../workspace/signing/signature-files.ts';
import { readTrust } from '../../workspace/signing/trusted-keys.ts';
import {
  openWorkspace,
  readManifest,
  readReleases,
  type StoredRelease,
  type Workspace,
} from '../../workspace/workspace.ts';

/** A firmware file that goes out without its release. */
export interface BareBinary {
  readonly path: string;
  /** Lowercase hex. */
  readonly sha256: string;
}

const manifestPlace = join('ota', 'manifest.json');

/**
 * The root manifests whose rules hold for a firmware file: the one that is asked for, or that of the folder where one
 * is; and the nearest above the file.
 *
 * @param given what somebody asked for: it must be there
 */
export async function manifestsInReach(
  binaryPath: string,
  cwd: string,
  given: string | undefined,
): Promise<string[]> {
  const asked = given ?? join(cwd, manifestPlace);
  const near = [...((given ?? (await isFile(asked))) ? [asked] : []), await nearest(binaryPath)];
  return [...new Set(near.flatMap((path) => (path === undefined ? [] : [resolve(path)])))];
}

async function nearest(binaryPath: string): Promise<string | undefined> {
  const real = await realpath(binaryPath).catch(() => binaryPath); // a missing file is named elsewhere
  for (let folder = dirname(resolve(real)); ; folder = dirname(folder)) {
    const path = join(folder, manifestPlace);
    if (await isFile(path)) return path;
    if (dirname(folder) === folder) return;
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}

/**
 * Refuses a firmware file where a product demands signatures, unless it is an artifact of a release that is signed as
 * demanded: the signature of a release covers the SHA-256 of its artifacts.
 *
 * @returns base64 of the signature of the file, when a release has one
 * @throws OtaError `signature-missing`, `signature-invalid`, and about manifests and keys
 */
export async function requireSignedBinary(
  binary: BareBinary,
  manifestPaths: readonly string[],
  now: Date,
): Promise<string | undefined> {
  let signature: string | undefined;
  for (const path of manifestPaths) {
    const workspace = openWorkspace(path);
    const manifest = await readManifest(workspace);
    const releases = await releasesWith(binary, workspace, manifest);
    const signed = await keepSigned(releases, binary, workspace, manifest, now);
    for (const stored of signed) signature ??= await signatureOf(binary, stored);
  }
  return signature;
}

async function releasesWith(
  { sha256 }: BareBinary,
  workspace: Workspace,
  manifest: RootManifest,
): Promise<StoredRelease[]> {
  return (await readReleases(workspace, manifest)).filter(({ release }) =>
    release.artifacts.some((artifact) => artifact.sha256.toLowerCase() === sha256),
  );
}

/** The releases that may go out; where signatures are required there must be one. */
async function keepSigned(
  releases: readonly StoredRelease[],
  { path }: BareBinary,
  workspace: Workspace,
  manifest: RootManifest,
  now: Date,
): Promise<readonly StoredRelease[]> {
  if (manifest.product.signing?.required !== true) return releases;
  const trust = await readTrust(workspace, manifest);
  const verdicts = releases.map((stored) => ({ stored, refusal: refusalOf(stored, trust, now) }));
  const signed = verdicts.filter(({ refusal }) => refusal === undefined);
  if (signed.length > 0) return signed.map(({ stored }) => stored);
  throw verdicts[0]?.refusal ?? unsignedFile(basename(path), trust);
}

function refusalOf({ release }: StoredRelease, trust: Trust, now: Date): OtaError | undefined {
  try {
    requireSigned(release, trust, now);
    return;
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    return error;
  }
}

async function signatureOf(
  { sha256 }: BareBinary,
  { release, artifactFolder }: StoredRelease,
): Promise<string | undefined> {
  const artifact = release.artifacts.find((one) => one.sha256.toLowerCase() === sha256);
  return artifact && (await readSignature(artifactFolder, artifact.filename));
}
