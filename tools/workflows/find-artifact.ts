import { OtaError } from '../core/errors.ts';
import type { ArtifactFacts } from '../core/release/delivery.ts';
import { hardwareOf } from '../core/release/manifest.ts';
import { chooseArtifacts, isUpdate } from '../core/release/release.ts';
import { verifyArtifact } from '../workspace/artifact-file.ts';
import { readSignature } from '../workspace/signature-files.ts';
import { artifactPath, openWorkspace, readManifest } from '../workspace/workspace.ts';
import { readReleasable } from './releasable.ts';

export interface ArtifactRequest {
  readonly manifestPath: string;
  /** A version id, or `latest`. */
  readonly version: string;
  readonly artifact?: string;
  /** For the times of keys. */
  readonly now: Date;
}

export interface FoundArtifact {
  readonly path: string;
  readonly version: string;
  readonly facts: ArtifactFacts;
  /** The oldest version that may update to this one directly. */
  readonly minVersion: string | undefined;
  /** What is new. */
  readonly notes: string | undefined;
}

/**
 * The one app of a release that is meant, verified, of a release that is signed as the product demands.
 *
 * @throws OtaError as reading a release does; `usage` when the release has several and none is named;
 *   `nothing-to-deploy` when what is named is no app
 */
export async function findArtifact(request: ArtifactRequest): Promise<FoundArtifact> {
  const workspace = openWorkspace(request.manifestPath);
  const manifest = await readManifest(workspace);
  const stored = await readReleasable(workspace, manifest, request.version, request.now);
  const chosen = chooseArtifacts(stored.release, request.artifact);
  const [artifact, ...others] = chosen.filter(isUpdate);
  if (artifact === undefined) {
    throw new OtaError(
      'nothing-to-deploy',
      `${chosen[0]?.filename} is no app: ${chosen[0]?.role}`,
      {
        hint: 'Bootloaders, tables and whole flash images are not sent over the air.',
      },
    );
  }
  if (others.length > 0) {
    throw new OtaError('usage', `release ${stored.release.version} has several artifacts`, {
      hint: `Choose one with --artifact: ${[artifact, ...others].map((one) => one?.filename).join(', ')}.`,
    });
  }
  const path = await artifactPath(workspace, stored, artifact);
  await verifyArtifact(path, artifact);
  const { version, min_version: minVersion, notes } = stored.release;
  const signature = await readSignature(stored.artifactFolder, artifact.filename);
  return {
    path,
    version,
    minVersion,
    notes,
    facts: {
      product: manifest.product.name,
      hardware: hardwareOf(manifest.product).join(', '),
      version,
      artifact: artifact.name,
      filename: artifact.filename,
      sizeBytes: artifact.size,
      sha256: artifact.sha256.toLowerCase(),
      ...(signature === undefined ? {} : { signature }),
    },
  };
}
