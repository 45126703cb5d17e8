import type { ArtifactStore } from '../artifacts/artifact-store.ts';

/** Files that are asked for often, in memory, within a bound. */
export interface HotFiles {
  /** `undefined` for a file that is too large for it. */
  get(sha256: string, sizeBytes: number): Promise<Buffer | undefined>;
}

/**
 * Least recently used goes first. One file takes a quarter of the memory at most.
 *
 * @param boundBytes 0 keeps nothing
 */
export function createHotFiles(artifacts: ArtifactStore, boundBytes: number): HotFiles {
  const files = new Map<string, Promise<Buffer>>();
  const sizes = new Map<string, number>();
  let total = 0;
  function drop(sha256: string): void {
    files.delete(sha256);
    total -= sizes.get(sha256) ?? 0;
    sizes.delete(sha256);
  }
  return {
    async get(sha256, sizeBytes) {
      if (sizeBytes > boundBytes / 4) return;
      let file = files.get(sha256);
      if (file === undefined) {
        file = artifacts.bytes(sha256);
        file.catch(() => drop(sha256));
        total += sizeBytes;
        sizes.set(sha256, sizeBytes);
      }
      files.delete(sha256);
      files.set(sha256, file);
      for (const oldest of files.keys()) {
        if (total <= boundBytes) break;
        drop(oldest);
      }
      return file;
    },
  };
}
