import { compareVersions, latestVersion } from '../version.ts';
import type { RootManifest, VersionEntry } from './manifest.ts';

export interface PrunePlan {
  /** Oldest first. */
  readonly removed: readonly VersionEntry[];
  readonly kept: readonly VersionEntry[];
  /** The root manifest without the removed versions. */
  readonly manifest: RootManifest;
}

/**
 * Decides which versions go: all but the newest `keep`. The version that `latest` means stays in any case: with
 * pre-releases above it, it need not be among the newest.
 *
 * @param keep how many versions stay, at least 1
 */
export function planPrune(manifest: RootManifest, keep: number): PrunePlan {
  const oldestFirst = manifest.versions.toSorted((a, b) => compareVersions(a.id, b.id));
  const latest = latestVersion(manifest.versions.map(({ id }) => id));
  const removed = oldestFirst
    .slice(0, Math.max(0, oldestFirst.length - Math.max(1, keep)))
    .filter(({ id }) => id !== latest);
  const kept = manifest.versions.filter((entry) => !removed.includes(entry));
  return { removed, kept, manifest: { ...manifest, versions: kept } };
}
