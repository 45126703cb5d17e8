import { access, constants, type FileHandle, open, stat } from 'node:fs/promises';
import { OtaError } from '../../core/errors.ts';
import { createFingerprinter, type Fingerprint } from '../../core/integrity.ts';

const chunkBytes = 1024 * 1024;

/** A firmware file that is there, is a file, and has bytes. */
export interface Binary {
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * Looks at a firmware file without reading it.
 *
 * @throws OtaError `binary-missing`, `binary-not-a-file`, `binary-empty`, `binary-unreadable`
 */
export async function findBinary(path: string): Promise<Binary> {
  const sizeBytes = await fileSize(path);
  if (sizeBytes === 0) {
    throw new OtaError('binary-empty', `${path} has no bytes`, {
      hint: 'The build did not finish, or the file was truncated: build again.',
    });
  }
  await access(path, constants.R_OK).catch((cause) => {
    throw binaryFailure(path, cause);
  });
  return { path, sizeBytes };
}

/** Bytes of a file. @throws OtaError `binary-missing`, `binary-not-a-file`, `binary-unreadable` */
export async function fileSize(path: string): Promise<number> {
  const found = await stat(path).catch((cause) => {
    throw binaryFailure(path, cause);
  });
  if (found.isFile()) return found.size;
  const what = found.isDirectory() ? 'a folder' : 'not a file';
  throw new OtaError('binary-not-a-file', `${path} is ${what}`, {
    hint: 'Give the .bin file itself, such as build/<project>.bin.',
  });
}

/** The error for a firmware file that cannot be opened or read. */
export function binaryFailure(path: string, cause: unknown): OtaError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new OtaError('binary-missing', `there is no file ${path}`, {
      cause,
      hint: 'Correct the path, or build first (`idf.py build`).',
    });
  }
  return new OtaError('binary-unreadable', `cannot read ${path} (${code ?? 'unknown'})`, {
    cause,
    hint: 'Check the permissions of the file and its folders.',
  });
}

/**
 * Reads a file once, hands every chunk to `sink`, and returns size and SHA-256.
 *
 * @throws OtaError `binary-changed` when the file is written to meanwhile
 */
export async function readBinary(
  path: string,
  sink: (chunk: Uint8Array) => Promise<void> | void = () => {},
): Promise<Fingerprint> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (cause) {
    throw binaryFailure(path, cause);
  }
  try {
    const before = await handle.stat();
    const fingerprinter = createFingerprinter();
    let totalBytes = 0;
    for await (const chunk of readAhead(handle, before.size)) {
      totalBytes += chunk.length;
      fingerprinter.update(chunk);
      await sink(chunk);
    }
    const after = await handle.stat();
    if (
      totalBytes !== before.size ||
      after.size !== before.size ||
      after.mtimeMs !== before.mtimeMs
    ) {
      throw new OtaError('binary-changed', `${path} changed while it was read`, {
        hint: 'A build is still running: wait for it to end, then package again.',
      });
    }
    return fingerprinter.digest();
  } finally {
    await handle.close();
  }
}

/**
 * The bytes of a file in chunks, each good until the next is asked for; the next is read while one is used. Ends
 * soon after `expectedBytes`: a file that grows for ever is not followed.
 */
async function* readAhead(handle: FileHandle, expectedBytes: number): AsyncGenerator<Uint8Array> {
  const size = Math.min(chunkBytes, expectedBytes + 1);
  const buffers = [Buffer.allocUnsafe(size), Buffer.allocUnsafe(size)] as const;
  const read = (turn: number) => handle.read(buffers[turn % 2 === 0 ? 0 : 1], 0, size);
  let totalBytes = 0;
  let pending = read(0);
  for (let turn = 0; ; turn += 1) {
    const { bytesRead, buffer } = await pending;
    totalBytes += bytesRead;
    if (bytesRead === 0) return;
    if (totalBytes > expectedBytes) {
      yield buffer.subarray(0, bytesRead);
      return;
    }
    pending = read(turn + 1);
    yield buffer.subarray(0, bytesRead);
  }
}
