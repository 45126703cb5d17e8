import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { OtaError } from '../core/errors.ts';
import { createFingerprinter, type Fingerprint, fingerprintOf } from '../core/integrity.ts';
import type { ArtifactFacts, Payload } from '../core/release/delivery.ts';
import type { Artifact } from '../core/release/release.ts';
import { readBinary } from './binary.ts';

/**
 * Whether an artifact's file has the size and the SHA-256 that its release says.
 *
 * @param sink gets the bytes in the same pass, before they are known to be right
 * @throws OtaError `artifact-missing`, `artifact-size-mismatch`, `artifact-hash-mismatch`
 */
export async function verifyArtifact(
  path: string,
  artifact: Artifact,
  sink?: (chunk: Uint8Array) => void,
): Promise<void> {
  await requireSize(path, artifact);
  requireHash(path, artifact, await readBinary(path, sink));
}

/** Reads an artifact whole, and verifies the bytes that it returns. @throws OtaError as `verifyArtifact` */
export async function readArtifact(path: string, artifact: Artifact): Promise<Uint8Array> {
  await requireSize(path, artifact);
  const bytes = await readFile(path);
  requireHash(path, artifact, fingerprintOf(bytes));
  return bytes;
}

async function requireSize(path: string, artifact: Artifact): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || !found.isFile()) {
    throw new OtaError('artifact-missing', `there is no file ${path}`, { hint: repackage });
  }
  if (found.size !== artifact.size) {
    throw new OtaError(
      'artifact-size-mismatch',
      `${path} has ${found.size} bytes, its release says ${artifact.size}`,
      { hint: repackage },
    );
  }
}

function requireHash(path: string, artifact: Artifact, { sha256 }: Fingerprint): void {
  if (sha256 !== artifact.sha256.toLowerCase()) {
    throw new OtaError(
      'artifact-hash-mismatch',
      `${path} has SHA-256 ${sha256}, its release says ${artifact.sha256.toLowerCase()}`,
      { hint: `The file is damaged or was replaced. ${repackage}` },
    );
  }
}

const repackage = 'Restore the file, or package this version again.';

const readChunkBytes = 1024 * 1024;

/**
 * The bytes of an artifact, fit to be sent. Every stream is hashed again while it is read: a file that is
 * replaced after it was verified ends the stream with `artifact-hash-mismatch` before its last bytes are handed
 * out, so a receiver that knows the length never sees a complete wrong image.
 */
export function createPayload(path: string, facts: ArtifactFacts): Payload {
  const changed = (): OtaError =>
    new OtaError('artifact-hash-mismatch', `${path} changed after it was verified`, {
      hint: 'Package again, and let no build run during the deployment.',
    });
  return {
    facts,
    stream() {
      const file = createReadStream(path, { highWaterMark: readChunkBytes });
      const guard = createGuard(facts, changed);
      file.on('error', (error) => guard.destroy(error));
      guard.on('close', () => file.destroy());
      return file.pipe(guard);
    },
    async bytes() {
      const bytes = await readFile(path);
      if (fingerprintOf(bytes).sha256 !== facts.sha256) throw changed();
      return bytes;
    },
  };
}

/** Passes chunks on one behind, and the last one only when all bytes have the right hash. */
function createGuard(facts: ArtifactFacts, changed: () => OtaError): Transform {
  const fingerprinter = createFingerprinter();
  let held: Uint8Array | undefined;
  return new Transform({
    readableHighWaterMark: readChunkBytes,
    writableHighWaterMark: readChunkBytes,
    transform(chunk: Uint8Array, _encoding, done) {
      fingerprinter.update(chunk);
      const ready = held;
      held = chunk;
      done(null, ready);
    },
    flush(done) {
      const { sizeBytes, sha256 } = fingerprinter.digest();
      if (sizeBytes === facts.sizeBytes && sha256 === facts.sha256) done(null, held);
      else done(changed());
    },
  });
}
