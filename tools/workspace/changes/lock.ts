import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fs from 'fs-extra';
import { OtaError } from '../../core/errors.ts';
import { asWriteFailure } from './file-change.ts';

/** A lock whose holder has not touched it for this long belongs to a process that was killed. */
const staleMs = 5000;
const patienceMs = 30_000;

/**
 * Runs `use` while no other process changes the workspace of this manifest: two builds at once wait for each
 * other. The lock is a folder beside the manifest, so it works on network drives too.
 *
 * @param use calls what it is given before anything shows under its final name: `lock-lost` when somebody removed the
 *   lock, or took it from a process that was asleep
 * @throws OtaError `lock-timeout` after half a minute, `write-failed` when the folder is read-only
 */
export async function withLock<T>(
  manifestPath: string,
  use: (requireHeld: () => void) => Promise<T>,
): Promise<T> {
  const { default: lockfile } = await import('proper-lockfile');
  await fs.ensureDir(dirname(manifestPath));
  let lost = false;
  const onCompromised = () => {
    lost = true; // by default the library throws out of a timer, which ends the process
  };
  const settings = { realpath: false, stale: staleMs, update: staleMs / 5, onCompromised };
  const release = await acquire(() => lockfile.lock(manifestPath, settings)).catch(
    (cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ELOCKED') throw asWriteFailure(manifestPath, cause);
      throw new OtaError('lock-timeout', `another process holds the lock of ${manifestPath}`, {
        cause,
        hint: `Wait for it to end. If there is none, remove ${manifestPath}.lock.`,
      });
    },
  );
  try {
    return await use(() => {
      if (lost) throw lockLost(manifestPath);
    });
  } finally {
    if (!lost) await release();
  }
}

function lockLost(manifestPath: string): OtaError {
  return new OtaError('lock-lost', `the lock of ${manifestPath} was lost`, {
    hint: 'Somebody removed it, or took it while this process was asleep. Nothing was changed: run the command again.',
  });
}

/** Tries until nobody else holds the lock; every other failure is final. */
async function acquire<T>(lock: () => Promise<T>): Promise<T> {
  for (
    let waitedMs = 0, delayMs = 10;
    ;
    waitedMs += delayMs, delayMs = Math.min(200, delayMs * 1.5)
  ) {
    try {
      return await lock();
    } catch (error) {
      const locked = (error as NodeJS.ErrnoException).code === 'ELOCKED';
      if (!locked || waitedMs >= patienceMs) throw error;
      await sleep(delayMs);
    }
  }
}
