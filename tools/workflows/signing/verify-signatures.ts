import { join } from 'node:path';
import { collectFinding, type Finding } from '../../core/release/findings.ts';
import type { Artifact } from '../../core/release/release.ts';
import { isSealed } from '../../core/release/seal.ts';
import { shortKeyId } from '../../core/signing/key.ts';
import type { SignatureVerdict } from '../../core/signing/release-signature.ts';
import { requireSigned } from '../../core/signing/require-signed.ts';
import { verifyBytes } from '../../core/signing/sign-bytes.ts';
import type { Trust } from '../../core/signing/trust.ts';
import { readArtifact } from '../../workspace/artifact-file.ts';
import { readSignatureFiles } from '../../workspace/signing/signature-files.ts';
import { artifactPath, type StoredRelease, type Workspace } from '../../workspace/workspace.ts';

/**
 * Checks the signatures of a release, and the signature files of its artifacts. The files must be as they should
 * be otherwise.
 *
 * @returns ids of the trusted keys that signed the release
 */
export async function verifySignatures(
  workspace: Workspace,
  stored: StoredRelease,
  trust: Trust,
  now: Date,
  findings: Finding[],
): Promise<readonly string[]> {
  const { release, path, artifactFolder } = stored;
  const about = { version: release.version };
  let verdict: SignatureVerdict | undefined;
  await collectFinding(findings, { file: path, ...about }, () => {
    verdict = requireSigned(release, trust, now);
  });
  if (verdict === undefined) return [];
  findings.push(...warn(verdict, { file: path, ...about }));
  for (const artifact of release.artifacts) {
    const files = await readSignatureFiles(artifactFolder, artifact.filename);
    if (files.size === 0 && isSealed(release)) {
      findings.push(missing(join(artifactFolder, artifact.filename), release.version));
    }
    if (files.size === 0 || trust.keys.length === 0) continue;
    const bytes = await readArtifact(await artifactPath(workspace, stored, artifact), artifact);
    for (const [name, signature] of files) {
      if (trust.keys.some(({ publicKey }) => verifyBytes(publicKey, bytes, signature))) continue;
      const file = join(artifactFolder, name);
      findings.push(unmatched(file, release.version, artifact, verdict.unknown.length > 0));
    }
  }
  return verdict.valid.map(({ publicKey }) => publicKey.id);
}

/** What is odd but refused by nobody. */
function warn(verdict: SignatureVerdict, about: { file: string; version: string }): Finding[] {
  const { unknown, untimely } = verdict;
  return [
    ...unknown.map(
      (id): Finding => ({
        level: 'warning',
        ...about,
        code: 'key-untrusted',
        message: `the signature of the key ${shortKeyId(id)} cannot be checked: the product does not list the key`,
        hint: 'Add its public half to product.signing.keys, if it is yours.',
      }),
    ),
    ...untimely.map(
      (reason): Finding => ({
        level: 'warning',
        ...about,
        code: 'key-expired',
        message: `the signature of the key ${reason} and does not count`,
        hint: 'Sign the release with a key that is valid now.',
      }),
    ),
  ];
}

function missing(file: string, version: string): Finding {
  return {
    level: 'warning',
    file,
    version,
    code: 'signature-missing',
    message: 'the release is signed, but this artifact has no signature file',
    hint: `\`ota sign --version ${version}\` with the same key writes it again.`,
  };
}

/** A signature that no trusted key made: of a key that is no longer listed, or of other bytes. */
function unmatched(
  file: string,
  version: string,
  { filename }: Artifact,
  mayBeUnknown: boolean,
): Finding {
  return {
    level: mayBeUnknown ? 'warning' : 'error',
    file,
    version,
    code: mayBeUnknown ? 'key-untrusted' : 'signature-invalid',
    message: `no trusted key made this signature of ${filename}`,
    hint: 'Remove the file, and sign the version again.',
  };
}
