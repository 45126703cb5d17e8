import { createReadStream, type ReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { OtaError } from '../../core/errors.ts';
import { createFingerprinter, fingerprintOf } from '../../core/integrity.ts';
import type { ArtifactFacts, Payload } from '../../core/release/delivery.ts';
import { type FileStamp, readStampOf, sameStamp } from './file-stamp.ts';

const readChunkBytes = 1024 * 1024;

/**
 * The bytes of an artifact, fit to be sent. A file that is replaced or changed after it was verified ends the
 * stream with `artifact-hash-mismatch` before its last bytes are handed out, so a receiver that knows the length
 * never sees a complete wrong image.
 *
 * @param verified the stamp that the file had when it was verified; without it the bytes are hashed again on their way
 */
export function createPayload(path: string, facts: ArtifactFacts, verified?: FileStamp): Payload {
  return {
    facts,
    stream() {
      const file = createReadStream(path, {
        highWaterMark: readChunkBytes,
        autoClose: false, // its stamp is looked at when all has been read
      });
      const guard = createGuard(
        verified === undefined ? checkHash(facts) : checkStamp(file, verified),
        path,
      );
      file.on('error', (error) => guard.destroy(error));
      guard.on('close', () => file.destroy());
      return file.pipe(guard);
    },
    async bytes() {
      const bytes = await readFile(path);
      if (fingerprintOf(bytes).sha256 !== facts.sha256) throw changedError(path);
      return bytes;
    },
  };
}

/** Decides at the end of a stream whether it was what was verified. */
interface StreamCheck {
  see(chunk: Uint8Array): void;
  isRight(): Promise<boolean>;
}

function checkHash(facts: ArtifactFacts): StreamCheck {
  const fingerprinter = createFingerprinter();
  return {
    see: fingerprinter.update,
    async isRight() {
      const { sizeBytes, sha256 } = fingerprinter.digest();
      return sizeBytes === facts.sizeBytes && sha256 === facts.sha256;
    },
  };
}

/** The stream reads from the open file, so its stamp is that of the bytes that were sent. */
function checkStamp(file: ReadStream, verified: FileStamp): StreamCheck {
  let descriptor = -1;
  file.once('open', (fd) => {
    descriptor = fd;
  });
  return {
    see: () => {},
    async isRight() {
      const now = await readStampOf(descriptor).catch(() => undefined);
      return now !== undefined && sameStamp(now, verified);
    },
  };
}

/** Passes chunks on one behind, and the last one only when all of them were right. */
function createGuard(check: StreamCheck, path: string): Transform {
  let held: Uint8Array | undefined;
  return new Transform({
    readableHighWaterMark: readChunkBytes,
    writableHighWaterMark: readChunkBytes,
    transform(chunk: Uint8Array, _encoding, done) {
      check.see(chunk);
      const ready = held;
      held = chunk;
      done(null, ready);
    },
    flush(done) {
      check.isRight().then(
        (right) => (right ? done(null, held) : done(changedError(path))),
        (error: unknown) => done(error as Error),
      );
    },
  });
}

function changedError(path: string): OtaError {
  return new OtaError('artifact-hash-mismatch', `${path} changed after it was verified`, {
    hint: 'Package again, and let no build run during the deployment.',
  });
}
