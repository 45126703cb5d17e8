import { rmdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OtaError } from '../../core/errors.ts';
import type { VersionEntry } from '../../core/release/manifest.ts';
import { planPrune } from '../../core/release/prune-plan.ts';
import { changeFiles } from '../../workspace/changes/file-change.ts';
import { stageJson } from '../../workspace/changes/json-write.ts';
import { withLock } from '../../workspace/changes/lock.ts';
import { findLeftovers, releaseFiles } from '../../workspace/release-files.ts';
import {
  openWorkspace,
  readEntry,
  readManifest,
  type StoredRelease,
  type Workspace,
} from '../../workspace/workspace.ts';

export interface PruneOptions {
  readonly manifestPath: string;
  readonly outputFolder?: string;
  /** How many versions stay, at least 1. */
  readonly keep: number;
  readonly dryRun: boolean;
  readonly now: Date;
}

export interface PrunedVersion {
  readonly version: string;
  /** Absolute paths. */
  readonly files: readonly string[];
  readonly size: number;
}

export interface PruneResult {
  /** Oldest first. */
  readonly removed: readonly PrunedVersion[];
  readonly kept: readonly string[];
  /** Files of half-done changes, absolute paths. */
  readonly leftovers: readonly string[];
}

/**
 * Removes the oldest releases: first from the root manifest, then their files, so that no entry is ever without
 * files. Only what belongs to a removed release goes, and nothing that a remaining one uses.
 *
 * @throws OtaError about the manifests, `lock-timeout`, `write-failed`; a remaining release that cannot be read
 *   stops everything, because its files are not known
 */
export async function prune(options: PruneOptions): Promise<PruneResult> {
  const workspace = openWorkspace(options.manifestPath, options.outputFolder);
  await readManifest(workspace); // without a manifest there is nothing to lock
  if (options.dryRun) return (await gatherAndPlan(workspace, options)).result;
  return withLock(workspace.manifestPath, async (requireHeld) => {
    const { plan, result } = await gatherAndPlan(workspace, options);
    const files = result.removed.flatMap((version) => version.files);
    await changeFiles(async (change) => {
      if (result.removed.length > 0) await stageJson(change, workspace.manifestPath, plan.manifest);
      for (const path of [...files, ...result.leftovers]) change.remove(path);
      requireHeld();
    });
    for (const folder of new Set(files.map(dirname))) await removeWhenEmpty(folder, workspace);
    return result;
  });
}

async function gatherAndPlan(workspace: Workspace, { keep, now }: PruneOptions) {
  const plan = planPrune(await readManifest(workspace), keep);
  const inUse = new Set<string>();
  const folders: string[] = [];
  for (const entry of plan.kept) {
    const stored = await readEntry(workspace, entry);
    folders.push(stored.artifactFolder);
    for (const path of await releaseFiles(workspace, stored)) inUse.add(path);
  }
  const removed: PrunedVersion[] = [];
  for (const entry of plan.removed) {
    const files = (await filesOf(workspace, entry)).filter((path) => !inUse.has(path));
    removed.push({ version: entry.id, ...(await existing(files)) });
  }
  const leftovers = await findLeftovers(workspace, folders, now);
  const kept = plan.kept.map(({ id }) => id);
  return { plan, result: { removed, kept, leftovers } };
}

/** None for a release that cannot be read any more: its entry goes, and `ota verify` shows what is left of it. */
async function filesOf(workspace: Workspace, entry: VersionEntry): Promise<string[]> {
  let stored: StoredRelease;
  try {
    stored = await readEntry(workspace, entry);
  } catch (error) {
    if (error instanceof OtaError) return [];
    throw error;
  }
  return releaseFiles(workspace, stored);
}

async function existing(paths: readonly string[]): Promise<{ files: string[]; size: number }> {
  const files: string[] = [];
  let size = 0;
  for (const path of new Set(paths)) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() !== true) continue;
    files.push(path);
    size += found.size;
  }
  return { files, size };
}

async function removeWhenEmpty(folder: string, { folders }: Workspace): Promise<void> {
  if (folders.includes(folder)) return;
  await rmdir(folder).catch(() => undefined); // not empty: somebody else's files stand in it
}
