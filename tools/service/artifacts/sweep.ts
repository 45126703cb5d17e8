import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Remains of an upload younger than this may still be growing, on this node or another. */
const orphanAgeMs = 60 * 60 * 1000;

export interface SweepOptions {
  /** Hashes that the database names. */
  readonly used: ReadonlySet<string>;
  readonly nowMs: number;
  /** Nobody is writing into the folder: remains of uploads need not be old. */
  readonly alone: boolean;
}

/**
 * Removes remains of uploads, and files that no row names. Only names that the store itself gives are looked at: the
 * folder may be that of an older server, with its files still in it. A database that names nothing at all is a new one
 * or the wrong one, and no reason to remove anything.
 */
export async function sweepFolder(folder: string, options: SweepOptions): Promise<number> {
  const { used, nowMs, alone } = options;
  const incoming = join(folder, 'incoming');
  const remains = (await filesIn(incoming)).filter((name) => /^[0-9a-f-]{36}$/.test(name));
  let removed = 0;
  for (const name of remains)
    removed += await removeOld(join(incoming, name), nowMs, alone ? 0 : orphanAgeMs);
  if (used.size === 0) return removed;
  const hashes = join(folder, 'sha256');
  for (const prefix of await namesIn(hashes)) {
    if (!/^[0-9a-f]{2}$/.test(prefix)) continue;
    for (const name of await filesIn(join(hashes, prefix)))
      if (/^[0-9a-f]{64}$/.test(name) && name.startsWith(prefix) && !used.has(name))
        removed += await removeOld(join(hashes, prefix, name), nowMs, orphanAgeMs);
  }
  return removed;
}

async function removeOld(path: string, nowMs: number, ageMs: number): Promise<0 | 1> {
  const file = await stat(path).catch(() => undefined);
  // Another node may have been faster.
  if (file === undefined || (ageMs > 0 && nowMs - file.mtimeMs < ageMs)) return 0;
  await rm(path, { force: true });
  return 1;
}

async function namesIn(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => []);
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}
