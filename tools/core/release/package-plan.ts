import { type Fingerprint, fingerprintOf } from '../integrity.ts';
import { sameJson, withoutUndefined } from '../json.ts';
import { isSignatureFileOf } from '../signing/signature-name.ts';
import { differingSettings, isSettings, type Settings } from './channel.ts';
import { defaultProtocolsOf, type RootManifest, type VersionEntry } from './manifest.ts';
import {
  type Artifact,
  type ArtifactRole,
  orderRelease,
  type Release,
  type ReleaseImage,
  type ReleaseSource,
} from './release.ts';
import { requireUnsealed } from './seal.ts';

/** What the user asked for, defaults not yet filled in. */
export interface PackageRequest {
  readonly version: string;
  readonly project?: string;
  readonly artifactName?: string;
  readonly label?: string;
  readonly protocols?: readonly string[];
  /** The oldest version that may update to this one directly. */
  readonly minVersion?: string;
  /** What is new, for people. */
  readonly notes?: string;
  /** Channel overrides of this release, by transport. */
  readonly overrides: Settings;
  readonly updateManifest: boolean;
}

/** A further file of the release: what a first flashing needs beside the app. Never sent over the air. */
export interface PackageFile {
  readonly role: ArtifactRole;
  /** What the build calls it. */
  readonly name: string;
  /** Flash address. */
  readonly offset?: number;
  readonly bytes: Uint8Array;
}

/** What was found on disk. */
export interface PackageFacts {
  readonly manifest: RootManifest;
  /** The release that already stands under this version. */
  readonly existing?: Release;
  /** Whether every file of `existing` is there with the right bytes. */
  readonly existingIntact: boolean;
  /** Names of signature files that stand in the release's folder. */
  readonly signatureFiles?: readonly string[];
  readonly binary: Fingerprint;
  /** Flash address of the app, when a build says it. */
  readonly appOffset?: number;
  readonly files?: readonly PackageFile[];
  /** What the image says of itself, when it was read. */
  readonly image?: ReleaseImage;
  /** The state of the sources, when it is known. */
  readonly source?: ReleaseSource;
  /** Path of ota.json as the root manifest is to write it. */
  readonly entryPath: string;
  readonly now: Date;
}

export interface PackagePlan {
  readonly outcome: 'created' | 'replaced' | 'unchanged';
  readonly artifact: Artifact;
  readonly release: Release;
  readonly writeArtifact: boolean;
  readonly writeRelease: boolean;
  /** File names of the replaced release that no longer belong to it. */
  readonly obsolete: readonly string[];
  /** The root manifest to write; absent when it stays as it is. */
  readonly manifest?: RootManifest;
}

/** The artifact's file name: `<project>-<version>.bin`, white space as underscores. */
export function artifactFilename(manifest: RootManifest, request: PackageRequest): string {
  const project = request.project ?? manifest.product.name;
  return request.artifactName ?? `${project}-${request.version}.bin`.replaceAll(/\s+/g, '_');
}

/**
 * Decides what packaging changes. The same bytes with the same options change nothing, time stamps included.
 * Overrides and `x-` keys that somebody wrote into an existing release by hand are kept.
 *
 * @throws OtaError `release-sealed` when it would change a signed release
 */
export function planPackage(request: PackageRequest, facts: PackageFacts): PackagePlan {
  const { existing } = facts;
  const artifact = planArtifact(request, facts);
  const artifacts = [
    artifact,
    ...(facts.files ?? []).map((file) => planFile(file, request, facts)),
  ];
  const candidate = {
    ...planDescription(request, facts),
    ...planChannels(request, facts),
    version: request.version,
    artifacts,
  };
  const sameRelease = existing !== undefined && sameJson(candidate, existing);
  if (!sameRelease) requireUnsealed(existing, candidate);
  const writeArtifact = !sameRelease || !facts.existingIntact;
  const release: Release = sameRelease
    ? existing
    : orderRelease({ ...candidate, created_at: timestamp(facts.now) });
  const manifest = request.updateManifest ? planManifest(request, facts) : undefined;
  return {
    outcome:
      existing === undefined ? 'created' : sameRelease && !writeArtifact ? 'unchanged' : 'replaced',
    artifact,
    release,
    writeArtifact,
    writeRelease: !sameRelease,
    obsolete: planObsolete(artifacts, facts),
    ...(manifest === undefined ? {} : { manifest }),
  };
}

function planArtifact(request: PackageRequest, facts: PackageFacts): Artifact {
  const filename = artifactFilename(facts.manifest, request);
  return {
    ...facts.existing?.artifacts.find((former) => former.filename === filename),
    name: request.project ?? facts.manifest.product.name,
    filename,
    size: facts.binary.sizeBytes,
    sha256: facts.binary.sha256,
    ...(facts.appOffset === undefined ? {} : { role: 'app' as const, offset: facts.appOffset }),
    protocols: request.protocols ?? defaultProtocolsOf(facts.manifest),
  };
}

function planFile(file: PackageFile, request: PackageRequest, facts: PackageFacts): Artifact {
  const { sizeBytes, sha256 } = fingerprintOf(file.bytes);
  return {
    name: file.name,
    filename: fileNameOf(file, facts.manifest, request),
    size: sizeBytes,
    sha256,
    role: file.role,
    ...(file.offset === undefined ? {} : { offset: file.offset }),
  };
}

/** `<project>-<version>-<part>.bin`, white space as underscores. */
export function fileNameOf(
  { name }: PackageFile,
  manifest: RootManifest,
  request: PackageRequest,
): string {
  const project = request.project ?? manifest.product.name;
  return `${project}-${request.version}-${name}.bin`.replaceAll(/\s+/g, '_');
}

/** Everything but channels and artifacts. What was said of other bytes is not said of these: `image`, `source`. */
function planDescription(request: PackageRequest, facts: PackageFacts): Partial<Release> {
  const { image, source, ...kept }: Partial<Release> = facts.existing ?? {};
  const sameBytes = kept.artifacts?.some(({ sha256 }) => sha256 === facts.binary.sha256) ?? false;
  return withoutUndefined({
    ...kept,
    image: facts.image ?? (sameBytes ? image : undefined),
    min_version: request.minVersion ?? kept.min_version,
    notes: request.notes ?? kept.notes,
    // Kept, so that a commit that changes no byte of the image changes no byte of the release.
    source: (sameBytes ? source : undefined) ?? facts.source,
  });
}

/** Files of the replaced release, and signatures of bytes that are replaced. */
function planObsolete(artifacts: readonly Artifact[], facts: PackageFacts): string[] {
  const former = facts.existing?.artifacts ?? [];
  const stays = ({ filename, sha256 }: Artifact): boolean =>
    artifacts.some(
      (artifact) => artifact.filename === filename && artifact.sha256 === sha256.toLowerCase(),
    );
  const signatures = (facts.signatureFiles ?? []).filter((name) =>
    former.some((artifact) => !stays(artifact) && isSignatureFileOf(artifact.filename, name)),
  );
  const names = new Set(artifacts.map(({ filename }) => filename));
  const files = former.map(({ filename }) => filename).filter((filename) => !names.has(filename));
  return [...files, ...signatures];
}

/** Only what differs from the root manifest is written: ota.json never copies its settings. */
function planChannels(request: PackageRequest, facts: PackageFacts): { channels?: Settings } {
  const wanted = differingSettings(facts.manifest.deployment?.channels ?? {}, request.overrides);
  const channels = { ...facts.existing?.channels };
  for (const [transport, settings] of Object.entries(wanted)) {
    channels[transport] = mergeOverride(channels[transport], settings);
  }
  return Object.keys(channels).length === 0 ? {} : { channels };
}

/** Like a merge, but `null` stays: it still has to remove a key of the root. */
function mergeOverride(base: unknown, override: unknown): unknown {
  if (!isSettings(base) || !isSettings(override)) return override;
  const merged = Object.entries(override).map(([key, value]) => [
    key,
    key in base ? mergeOverride(base[key], value) : value,
  ]);
  return { ...base, ...Object.fromEntries(merged) };
}

/** The root manifest with this release's entry, or `undefined` when it is already so. */
function planManifest(request: PackageRequest, facts: PackageFacts): RootManifest | undefined {
  const { versions } = facts.manifest;
  const index = versions.findIndex(({ id }) => id === request.version);
  const entry: VersionEntry = {
    ...(versions[index] ?? { id: request.version }),
    ...(request.label === undefined ? {} : { label: request.label }),
    manifest: facts.entryPath,
  };
  if (index < 0) return { ...facts.manifest, versions: [...versions, entry] };
  if (sameJson(versions[index], entry)) return;
  return { ...facts.manifest, versions: versions.with(index, entry) };
}

/** ISO 8601 in UTC, without fractions of a second. */
function timestamp(now: Date): string {
  return now.toISOString().replace(/\.\d{3}Z$/, 'Z');
}
