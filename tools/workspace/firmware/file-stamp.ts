import { type BigIntStats, fstat } from 'node:fs';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Tells one state of a file from another without reading it. */
export interface FileStamp {
  readonly device: bigint;
  readonly inode: bigint;
  readonly sizeBytes: bigint;
  readonly modifiedNs: bigint;
  /** Also changes when somebody sets the modification time back. */
  readonly changedNs: bigint;
}

/** A file system's clock may tick this slowly; a younger stamp can hide a second change. */
const slowestTickMs = 2000n;

/** The stamp of a file. Rejects with the system's error when there is none. */
export async function readStamp(path: string): Promise<FileStamp> {
  return toStamp(await stat(path, { bigint: true }));
}

const statDescriptor = promisify(
  (fd: number, done: (error: Error | null, stats?: BigIntStats) => void) =>
    fstat(fd, { bigint: true }, done),
);

/** The stamp of an open file. */
export async function readStampOf(fd: number): Promise<FileStamp | undefined> {
  const stats = await statDescriptor(fd);
  return stats && toStamp(stats);
}

function toStamp(stats: BigIntStats): FileStamp {
  return {
    device: stats.dev,
    inode: stats.ino,
    sizeBytes: stats.size,
    modifiedNs: stats.mtimeNs,
    changedNs: stats.ctimeNs,
  };
}

/**
 * Whether a file that has this stamp now and the same stamp later has not changed in between: true unless it was
 * changed so recently that the file system's clock may not have moved since.
 */
export function isSettled({ changedNs }: FileStamp, now: Date): boolean {
  return BigInt(now.getTime()) - changedNs / 1_000_000n > slowestTickMs;
}

export function sameStamp(a: FileStamp, b: FileStamp): boolean {
  return (
    a.device === b.device &&
    a.inode === b.inode &&
    a.sizeBytes === b.sizeBytes &&
    a.modifiedNs === b.modifiedNs &&
    a.changedNs === b.changedNs
  );
}
