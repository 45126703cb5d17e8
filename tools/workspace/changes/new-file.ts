import { mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OtaError } from '../../core/errors.ts';
import { asWriteFailure } from './file-change.ts';

export interface NewFile {
  readonly path: string;
  readonly content: string;
  /** Permissions; default what the umask leaves of 0666. */
  readonly mode?: number;
}

/**
 * Creates files that must not be there yet: all of them, or none.
 *
 * @throws OtaError `file-exists`, `write-failed`
 */
export async function createFiles(files: readonly NewFile[]): Promise<void> {
  const created: string[] = [];
  for (const file of files) {
    try {
      await createFile(file, () => created.push(file.path));
    } catch (cause) {
      for (const path of created) await rm(path);
      throw asWriteFailure(file.path, cause);
    }
  }
}

async function createFile(
  { path, content, mode = 0o666 }: NewFile,
  onCreated: () => void,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // `wx` fails for whatever has the name, a dangling link included, and leaves it as it is.
  const handle = await open(path, 'wx', mode).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'EEXIST' ? fileExists(path) : cause;
  });
  onCreated();
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The error for a file that is not overwritten. */
export function fileExists(path: string): OtaError {
  return new OtaError('file-exists', `${path} is there already`, {
    hint: 'It is never overwritten: choose another name, or move it away yourself.',
  });
}
