import { join, resolve } from 'node:path';
import type { BuildFolder } from '../../core/build/build-folder.ts';
import { OtaError } from '../../core/errors.ts';
import type { Fingerprint } from '../../core/integrity.ts';
import type { Transport } from '../../core/release/delivery.ts';
import { requireFileName, requireMinVersion, requireVersionId } from '../../core/release/names.ts';
import { requireNoLiteralSecrets } from '../../core/release/overrides.ts';
import {
  artifactFilename,
  fileNameOf,
  type PackageFile,
  type PackagePlan,
  type PackageRequest,
  planPackage,
} from '../../core/release/package-plan.ts';
import type { SignedRelease } from '../../core/signing/sign-release.ts';
import { verifyArtifact } from '../../workspace/artifact-file.ts';
import { findBinary, readBinary } from '../../workspace/firmware/binary.ts';
import { namesIn } from '../../workspace/folder.ts';
import {
  entryPath,
  openWorkspace,
  readManifest,
  readReleaseAt,
  type Workspace,
} from '../../workspace/workspace.ts';
import type { SignerSources } from '../signing/load-signers.ts';
import type { Examination } from './examine.ts';
import type { SignPlan } from './sign.ts';

export interface PackageOptions extends PackageRequest {
  readonly manifestPath: string;
  readonly binaryPath: string;
  /** Folder of the releases; default `versions` beside the manifest. */
  readonly outputFolder?: string;
  readonly dryRun: boolean;
  /** To check `protocols` against; may be empty when there are none. */
  readonly transports: readonly Transport[];
  readonly now: Date;
  /** The build that the binary comes from, and what of it goes along. */
  readonly build?: BuildFolder;
  readonly appOffset?: number;
  readonly files?: readonly PackageFile[];
  /** Absent, the one of the build. */
  readonly partitionTablePath?: string;
  /** Whether a person chose the version; default yes. */
  readonly versionGiven?: boolean;
  /** Names of image checks that may fail. */
  readonly allow?: readonly string[];
  /** Keys to sign the release with; absent, it stays unsigned. */
  readonly signWith?: SignerSources;
}

/** What packaging did, or would do. Paths are absolute. */
export interface PackageResult {
  readonly plan: PackagePlan;
  /** The plan's release with its signatures, when keys were given. */
  readonly signed?: SignedRelease;
  readonly artifactPath: string;
  readonly releasePath: string;
  readonly manifestPath: string;
  readonly dryRun: boolean;
  /** What the image checks have to say, one line each. */
  readonly warnings: readonly string[];
}

/**
 * Packages one binary as a release: copies and hashes it, writes `ota.json`, and updates the root manifest when
 * asked to. Repeating it with the same bytes and options changes nothing on disk and takes no lock.
 *
 * @throws OtaError about the binary, the names, the manifests, or `write-failed`
 */
export async function packageBinary(options: PackageOptions): Promise<PackageResult> {
  requireVersionId(options.version);
  requireNoLiteralSecrets(options.overrides);
  const workspace = openWorkspace(options.manifestPath, options.outputFolder);
  requireMinVersion(options.minVersion, options.version);
  const binary = await findBinary(options.binaryPath);
  const place = await locate(options, workspace);
  const sign = await prepareSigning(options, workspace, place);

  if (await hasSizeOf(place, binary.sizeBytes)) {
    const fingerprint = await readBinary(binary.path);
    const plan = await gatherAndPlan(options, workspace, place, { fingerprint });
    const signed = await sign?.(plan);
    if (changesNothing(plan, signed)) return resultOf({ plan, signed }, place, options, []);
  }
  // Loaded only when there is something to write: an unchanged build must not be felt.
  const { examine } = await import('./examine.ts');
  const examined = await examine({ versionGiven: true, allow: [], ...options }, workspace);
  const { warnings } = examined;
  if (options.dryRun) {
    const plan = await gatherAndPlan(options, workspace, place, examined);
    return resultOf({ plan, signed: await sign?.(plan) }, place, options, warnings);
  }
  const { applyPackage } = await import('./apply.ts');
  const applied = await applyPackage({
    manifestPath: workspace.manifestPath,
    binaryPath: binary.path,
    ...place,
    plan(copied) {
      requireSame(copied, examined.fingerprint, binary.path);
      return gatherAndPlan(options, workspace, place, examined);
    },
    ...(sign && { sign }),
  });
  return resultOf(applied, place, options, warnings);
}

/** What is packaged must be what was checked. */
function requireSame(copied: Fingerprint, checked: Fingerprint, path: string): void {
  if (copied.sha256 === checked.sha256) return;
  throw new OtaError('binary-changed', `${path} changed after it was checked`, {
    hint: 'A build is still running: wait for it to end, then package again.',
  });
}

/** Opens the keys, so that a wrong passphrase is known before anything is written. */
async function prepareSigning(
  options: PackageOptions,
  workspace: Workspace,
  place: Place,
): Promise<SignPlan | undefined> {
  if (options.signWith === undefined) return;
  const { createSignPlan } = await import('./sign.ts');
  return createSignPlan(options.signWith, { ...options, ...place, workspace });
}

/** Where the files of the release go. */
interface Place {
  readonly folder: string;
  readonly artifactPath: string;
  readonly releasePath: string;
  /** Further files, by the names that they get. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

async function locate(options: PackageOptions, workspace: Workspace): Promise<Place> {
  const manifest = await readManifest(workspace);
  requireKnownProtocols(options);
  const filename = artifactFilename(manifest, options);
  requireFileName(filename, options.artifactName === undefined ? '--project' : '--artifact-name');
  const releases = options.outputFolder ?? join(workspace.folders[0] ?? '.', 'versions');
  const folder = resolve(releases, options.version);
  const files = new Map<string, Uint8Array>();
  for (const file of options.files ?? []) {
    const name = fileNameOf(file, manifest, options);
    requireFileName(name, '--project');
    files.set(name, file.bytes);
  }
  return {
    folder,
    artifactPath: join(folder, filename),
    releasePath: join(folder, 'ota.json'),
    files,
  };
}

async function hasSizeOf(place: Place, sizeBytes: number): Promise<boolean> {
  const existing = await readReleaseAt(place.releasePath);
  return existing?.artifacts.some(({ size }) => size === sizeBytes) ?? false;
}

async function gatherAndPlan(
  options: PackageOptions,
  workspace: Workspace,
  place: Place,
  examined: Pick<Examination, 'fingerprint' | 'image' | 'source'>,
): Promise<PackagePlan> {
  const { appOffset, files } = options;
  const { fingerprint, image, source } = examined;
  const existing = await readReleaseAt(place.releasePath, options.version);
  return planPackage(options, {
    manifest: await readManifest(workspace),
    ...(existing === undefined ? {} : { existing }),
    existingIntact: existing !== undefined && (await isIntact(place.folder, existing.artifacts)),
    signatureFiles: existing === undefined ? [] : await namesIn(place.folder),
    binary: fingerprint,
    ...(appOffset === undefined ? {} : { appOffset }),
    ...(files && { files }),
    ...(image && { image }),
    ...(source && { source }),
    entryPath: entryPath(workspace, place.releasePath),
    now: options.now,
  });
}

async function isIntact(
  folder: string,
  artifacts: readonly { filename: string; size: number; sha256: string; name: string }[],
): Promise<boolean> {
  try {
    for (const artifact of artifacts)
      await verifyArtifact(join(folder, artifact.filename), artifact);
    return true;
  } catch (error) {
    if (error instanceof OtaError) return false;
    throw error;
  }
}

function changesNothing(plan: PackagePlan, signed: SignedRelease | undefined): boolean {
  const isSigned = signed === undefined || (signed.added.length === 0 && signed.files.size === 0);
  return isSigned && !plan.writeArtifact && !plan.writeRelease && plan.manifest === undefined;
}

function requireKnownProtocols({ protocols = [], transports }: PackageOptions): void {
  const known = transports.map(({ name }) => name);
  for (const name of protocols) {
    if (known.includes(name)) continue;
    throw new OtaError('transport-unknown', `there is no transport "${name}"`, {
      hint: `--protocols takes ${known.join(', ')}.`,
    });
  }
}

function resultOf(
  { plan, signed }: { plan: PackagePlan; signed?: SignedRelease | undefined },
  place: Place,
  options: PackageOptions,
  warnings: readonly string[],
): PackageResult {
  return {
    plan,
    ...(signed && { signed }),
    artifactPath: place.artifactPath,
    releasePath: place.releasePath,
    manifestPath: resolve(options.manifestPath),
    dryRun: options.dryRun,
    warnings,
  };
}
