import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { OtaError } from '../../core/errors.ts';
import type { ArtifactStore, StoredArtifact } from './artifact-store.ts';
import { createSharedFiles } from './shared-files.ts';
import { sweepFolder } from './sweep.ts';

/** A file that is being written. */
export interface NewFile {
  write(bytes: Uint8Array, offset: number): Promise<{ readonly bytesWritten: number }>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Makes a file that is not there yet. */
export type CreateFile = (path: string) => Promise<NewFile>;

/**
 * Keeps artifacts in a folder: `sha256/ab/abcd…`, written beside and renamed when they are on the disk.
 *
 * @param createFile how files come into being; another one shows what a disk may do
 */
export async function createDiskStore(
  folder: string,
  createFile: CreateFile = (path) => open(path, 'wx'),
): Promise<ArtifactStore> {
  const incoming = join(folder, 'incoming');
  const openFile = createSharedFiles();
  const pathOf = (sha256: string): string => join(folder, 'sha256', sha256.slice(0, 2), sha256);

  async function found<T>(sha256: string, use: (path: string) => Promise<T>): Promise<T> {
    // Hashes come from our own tables; a path must not depend on that.
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw missing(sha256);
    return use(pathOf(sha256)).catch((cause: NodeJS.ErrnoException) => {
      throw cause.code === 'ENOENT' ? missing(sha256) : cause;
    });
  }

  await mkdir(incoming, { recursive: true });
  return {
    async receive(source, limitBytes) {
      const path = join(incoming, randomUUID());
      const discard = (): Promise<void> => rm(path, { force: true });
      try {
        const stored = await receive(source, await createFile(path), limitBytes);
        const target = pathOf(stored.sha256);
        return {
          ...stored,
          bytes: () => readFile(path),
          keep: () => moveTo(path, target),
          discard,
        };
      } catch (error) {
        await discard();
        throw writeFailure(error) ?? error;
      }
    },
    open: (sha256) => found(sha256, openFile),
    bytes: (sha256) => found(sha256, (path) => readFile(path)),
    sweep: (used, nowMs, alone) => sweepFolder(folder, { used, nowMs, alone }),
  };
}

/** Gives a whole file its name. */
async function moveTo(path: string, target: string): Promise<void> {
  try {
    await mkdir(dirname(target), { recursive: true });
    await rename(path, target);
    await syncFolder(dirname(target));
  } catch (error) {
    throw writeFailure(error) ?? error;
  }
}

/** Writes and hashes in one pass; the bytes are on the disk when it returns. */
async function receive(
  source: Readable,
  file: NewFile,
  limitBytes: number,
): Promise<StoredArtifact> {
  const sha256 = createHash('sha256');
  const md5 = createHash('md5');
  let sizeBytes = 0;
  try {
    // Left open when this ends early: the request still wants its answer.
    const chunks: AsyncIterable<Buffer> = source.iterator({ destroyOnReturn: false });
    for await (const chunk of chunks) {
      sizeBytes += chunk.length;
      if (sizeBytes > limitBytes) throw tooLarge(limitBytes);
      sha256.update(chunk);
      md5.update(chunk);
      await writeAll(file, chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { sizeBytes, sha256: sha256.digest('hex'), md5: md5.digest('hex') };
}

async function writeAll(file: NewFile, chunk: Buffer): Promise<void> {
  let offset = 0;
  while (offset < chunk.length) {
    const { bytesWritten } = await file.write(chunk, offset);
    offset += bytesWritten;
  }
}

/** So that the new name survives a power loss, too. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  await handle.sync().catch(() => undefined); // not every file system can
  await handle.close();
}

/** What a disk says that is full, over its quota, or past the largest file that it takes. */
const fullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const refusedCodes = new Set(['EACCES', 'EIO', 'EMFILE', 'ENFILE', 'EPERM', 'EROFS', 'ESTALE']);

function writeFailure(cause: unknown): OtaError | undefined {
  const { code = '' } = cause as NodeJS.ErrnoException;
  if (fullCodes.has(code))
    return new OtaError('disk-full', `the artifact folder has no room (${code})`, {
      cause,
      hint: 'Make room on the disk of the artifact folder, then upload again.',
    });
  if (!refusedCodes.has(code)) return;
  return new OtaError('write-failed', `the artifact folder cannot be written (${code})`, {
    cause,
    hint: 'Check the disk of the artifact folder and its permissions.',
  });
}

function tooLarge(limitBytes: number): OtaError {
  return new OtaError('upload-too-large', `the upload has more than ${limitBytes} bytes`, {
    hint: 'Raise --max-upload if images of that size are wanted.',
  });
}

function missing(sha256: string): OtaError {
  return new OtaError('artifact-missing', `there is no file with SHA-256 ${sha256}`, {
    hint: 'Restore the artifact folder from the backup that belongs to the database.',
  });
}
