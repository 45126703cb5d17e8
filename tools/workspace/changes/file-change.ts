import { basename, dirname } from 'node:path';
import fs from 'fs-extra';
import { file as temporaryFile } from 'tmp-promise';
import { OtaError } from '../../core/errors.ts';

/** Names of files that are being written; the leftovers of a killed process are recognised by it. */
export const temporaryPrefix = '.ota-tmp-';

/** Collects the files of one change. Nothing is visible under its final name before all are on disk. */
export interface FileChange {
  /** Writes a file beside its final place; `fill` gets an open file descriptor. */
  stage<T>(path: string, fill: (fd: number) => Promise<T>): Promise<T>;
  /** Takes a staged file back. */
  unstage(path: string): Promise<void>;
  /** Removes a file once everything staged is in place. */
  remove(path: string): void;
}

/**
 * Changes several files as one: all are written beside and flushed, then renamed over in the order in which
 * they were staged. A failure before the first rename (a full disk, say) leaves everything as it was, the
 * folders that had to be made included; after `kill -9` each name has its old or its new content.
 *
 * @throws OtaError `write-failed`, and what `use` throws
 */
export async function changeFiles<T>(use: (change: FileChange) => Promise<T>): Promise<T> {
  const staged: { path: string; temporaryPath: string }[] = [];
  const removals: string[] = [];
  const createdFolders: { folder: string; top: string }[] = [];
  try {
    const result = await use({
      async stage(path, fill) {
        const top = await makeFolder(path);
        if (top !== undefined) createdFolders.push({ folder: dirname(path), top });
        const temporary = await createBeside(path);
        staged.push({ path, temporaryPath: temporary.path });
        try {
          const filled = await fill(temporary.fd);
          await fs.fsync(temporary.fd);
          return filled;
        } catch (error) {
          throw asWriteFailure(path, error);
        } finally {
          await fs.close(temporary.fd);
        }
      },
      async unstage(path) {
        const index = staged.findIndex((file) => file.path === path);
        for (const { temporaryPath } of index < 0 ? [] : staged.splice(index, 1)) {
          await fs.remove(temporaryPath);
        }
      },
      remove: (path) => removals.push(path),
    });
    for (const { path, temporaryPath } of staged) {
      await fs
        .rename(temporaryPath, path)
        .catch((error) => Promise.reject(asWriteFailure(path, error)));
    }
    for (const path of removals) {
      await fs.remove(path).catch((error) => Promise.reject(asWriteFailure(path, error)));
    }
    return result;
  } catch (error) {
    for (const { temporaryPath } of staged) await fs.remove(temporaryPath);
    for (const { folder, top } of createdFolders.reverse()) await removeEmptyFolders(folder, top);
    throw error;
  }
}

/** Stages a file whose content is all there. */
export async function stageBytes(
  change: FileChange,
  path: string,
  content: Uint8Array | string,
): Promise<void> {
  await change.stage(path, (fd) => fs.writeFile(fd, content));
}

async function makeFolder(path: string): Promise<string | undefined> {
  try {
    return await fs.promises.mkdir(dirname(path), { recursive: true });
  } catch (error) {
    throw asWriteFailure(path, error);
  }
}

async function createBeside(path: string): Promise<{ fd: number; path: string }> {
  try {
    const name = `${temporaryPrefix}${basename(path).slice(0, 64)}-`;
    return await temporaryFile({ tmpdir: dirname(path), prefix: name, mode: 0o666, keep: true });
  } catch (error) {
    throw asWriteFailure(path, error);
  }
}

/** Removes `folder` and its parents up to and including `top`, as far as they are empty. */
async function removeEmptyFolders(folder: string, top: string): Promise<void> {
  for (let current = folder; current.startsWith(top); current = dirname(current)) {
    try {
      await fs.rmdir(current);
    } catch {
      return; // not empty: somebody else put something there
    }
  }
}

const writeHints: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full: free some space and run the command again. Nothing was changed.',
  EDQUOT: 'The disk quota is used up: free some space and run the command again.',
  EACCES: 'Give the user write permission on the folder, or use --output to write elsewhere.',
  EPERM: 'Give the user write permission on the folder, or use --output to write elsewhere.',
  EROFS: 'The file system is read-only: use --output to write elsewhere.',
  ENOTDIR: 'A part of the path is a file, not a folder.',
  EEXIST: 'A part of the path is a file, not a folder.',
};

/** The error for a file or folder that cannot be written; an `OtaError` stays what it is. */
export function asWriteFailure(path: string, cause: unknown): OtaError {
  if (cause instanceof OtaError) return cause;
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
  return new OtaError('write-failed', `cannot write ${path} (${code})`, {
    cause,
    hint: writeHints[code] ?? 'Check the folder, its permissions and the free space.',
  });
}
