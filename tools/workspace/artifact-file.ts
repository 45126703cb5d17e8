import { readFile, stat } from 'node:fs/promises';
import { OtaError } from '../core/errors.ts';
import { type Fingerprint, fingerprintOf } from '../core/integrity.ts';
import type { Artifact } from '../core/release/release.ts';
import { readBinary } from './firmware/binary.ts';

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
