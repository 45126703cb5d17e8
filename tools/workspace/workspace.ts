import { dirname, relative, resolve, sep } from 'node:path';
import { OtaError } from '../core/errors.ts';
import {
  chooseVersion,
  parseManifest,
  type RootManifest,
  type VersionEntry,
} from '../core/release/manifest.ts';
import { type Artifact, parseRelease, type Release } from '../core/release/release.ts';
import { confine } from './confine.ts';
import { readJsonFile } from './json-file.ts';

/** The `ota/` folder of a product: where its root manifest is, and where releases may live. */
export interface Workspace {
  readonly manifestPath: string;
  /** Releases stay inside this folder, or the one given by `--output`. */
  readonly folders: readonly string[];
}

/** A release with the folder that holds its artifacts. */
export interface StoredRelease {
  readonly path: string;
  readonly artifactFolder: string;
  readonly release: Release;
}

/** @param outputFolder a folder outside the manifest's that releases may live in (`--output`) */
export function openWorkspace(manifestPath: string, outputFolder?: string): Workspace {
  const folders = [dirname(manifestPath), ...(outputFolder === undefined ? [] : [outputFolder])];
  return { manifestPath, folders: folders.map((folder) => resolve(folder)) };
}

/** @throws OtaError `manifest-missing`, `manifest-unreadable`, `json-invalid`, `manifest-invalid` */
export async function readManifest({ manifestPath }: Workspace): Promise<RootManifest> {
  const hint = 'Make it with `ota init`, or give its path with --manifest.';
  return parseManifest(await readJsonFile(manifestPath, 'manifest-missing', hint), manifestPath);
}

/**
 * Reads the release of a version; `latest` is the newest stable one.
 *
 * @throws OtaError `version-unknown`, `path-escapes`, `release-missing`, `json-invalid`, `manifest-invalid`
 */
export async function readRelease(
  workspace: Workspace,
  manifest: RootManifest,
  version: string,
): Promise<StoredRelease> {
  return readEntry(workspace, chooseVersion(manifest, version, workspace.manifestPath));
}

/** Reads the release of one entry of the root manifest. */
export async function readEntry(workspace: Workspace, entry: VersionEntry): Promise<StoredRelease> {
  const path = await confine(
    workspace.folders,
    dirname(workspace.manifestPath),
    entry.manifest,
    `version ${entry.id}`,
  );
  const hint = `Package version ${entry.id} again, or remove its entry from ${workspace.manifestPath}.`;
  const release = parseRelease(await readJsonFile(path, 'release-missing', hint), path, entry.id);
  const artifactFolder = await confine(
    workspace.folders,
    dirname(path),
    release.base_path ?? '.',
    `version ${entry.id}`,
  );
  return { path, artifactFolder, release };
}

/** All releases, as far as they can be read: one that is broken is the business of `ota validate`. */
export async function readReleases(
  workspace: Workspace,
  manifest: RootManifest,
): Promise<StoredRelease[]> {
  const releases: StoredRelease[] = [];
  for (const entry of manifest.versions) {
    try {
      releases.push(await readEntry(workspace, entry));
    } catch (error) {
      if (!(error instanceof OtaError)) throw error;
    }
  }
  return releases;
}

/** Path of an artifact's file. @throws OtaError `path-escapes` */
export async function artifactPath(
  workspace: Workspace,
  { artifactFolder, release }: StoredRelease,
  artifact: Artifact,
): Promise<string> {
  return confine(
    workspace.folders,
    artifactFolder,
    artifact.filename,
    `version ${release.version}`,
  );
}

/** Path of ota.json as the root manifest writes it: relative to its folder, with `/`. */
export function entryPath(workspace: Workspace, releasePath: string): string {
  const path = relative(dirname(resolve(workspace.manifestPath)), resolve(releasePath));
  return path.split(sep).join('/');
}

/**
 * The release that stands at a path, or `undefined` when there is none.
 *
 * @throws OtaError `json-invalid`, `manifest-invalid`
 */
export async function readReleaseAt(path: string, version?: string): Promise<Release | undefined> {
  try {
    return parseRelease(await readJsonFile(path, 'release-missing', ''), path, version);
  } catch (error) {
    if (error instanceof OtaError && error.code === 'release-missing') return;
    throw error;
  }
}
