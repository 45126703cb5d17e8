import { OtaError } from '../core/errors.ts';
import type { ArtifactFacts } from '../core/release/delivery.ts';
import { hardwareOf } from '../core/release/manifest.ts';
import { chooseArtifacts } from '../core/release/release.ts';
import { verifyArtifact } from '../workspace/artifact-file.ts';
import { artifactPath, openWorkspace, readManifest, readRelease } from '../workspace/workspace.ts';

export interface ArtifactRequest {
  readonly manifestPath: string;
  /** A version id, or `latest`. */
  readonly version: string;
  readonly artifact?: string;
}

export interface FoundArtifact {
  readonly path: string;
  readonly version: string;
  readonly facts: ArtifactFacts;
}

/**
 * The one artifact of a release that is meant, verified.
 *
 * @throws OtaError as reading a release does; `usage` when the release has several and none is named
 */
export async function findArtifact(request: ArtifactRequest): Promise<FoundArtifact> {
  const workspace = openWorkspace(request.manifestPath);
  const manifest = await readManifest(workspace);
  const stored = await readRelease(workspace, manifest, request.version);
  const [artifact, ...others] = chooseArtifacts(stored.release, request.artifact);
  if (artifact === undefined || others.length > 0) {
    throw new OtaError('usage', `release ${stored.release.version} has several artifacts`, {
      hint: `Choose one with --artifact: ${[artifact, ...others].map((one) => one?.filename).join(', ')}.`,
    });
  }
  const path = await artifactPath(workspace, stored, artifact);
  await verifyArtifact(path, artifact);
  return {
    path,
    version: stored.release.version,
    facts: {
      product: manifest.product.name,
      hardware: hardwareOf(manifest.product).join(', '),
      version: stored.release.version,
      artifact: artifact.name,
      filename: artifact.filename,
      sizeBytes: artifact.size,
      sha256: artifact.sha256.toLowerCase(),
    },
  };
}
