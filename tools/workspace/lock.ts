import { dirname } from 'node:path';
import fs from 'fs-extra';
import { OtaError } from '../core/errors.ts';
import { asWriteFailure } from './file-change.ts';

/** A lock whose holder has not touched it for this long belongs to a process that was killed. */
const staleMs = 5000;

/**
 * Runs `use` while no other process changes the workspace of this manifest: two builds at once wait for each
 * other. The lock is a folder beside the manifest, so it works on network drives too.
 *
 * @throws OtaError `lock-timeout` after half a minute, `write-failed` when the folder is read-only
 */
export async function withLock<T>(manifestPath: string, use: () => Promise<T>): Promise<T> {
  const { default: lockfile } = await import('proper-lockfile');
  await fs.ensureDir(dirname(manifestPath));
  let release: () => Promise<void>;
  try {
    release = await lockfile.lock(manifestPath, {
      realpath: false,
      stale: staleMs,
      update: staleMs / 5,
      retries: { retries: 150, minTimeout: 10, maxTimeout: 200, factor: 1.5 },
    });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ELOCKED')
      throw asWriteFailure(manifestPath, cause);
    throw new OtaError('lock-timeout', `another process holds the lock of ${manifestPath}`, {
      cause,
      hint: `Wait for it to end. If there is none, remove ${manifestPath}.lock.`,
    });
  }
  try {
    return await use();
  } finally {
    await release();
  }
}
