import { OtaError } from '../../core/errors.ts';
import type { ArtifactFacts } from '../../core/release/delivery.ts';
import { hardwareOf, type Product } from '../../core/release/manifest.ts';
import { type Artifact, chooseArtifacts, isUpdate } from '../../core/release/release.ts';
import { verifyArtifact } from '../../workspace/artifact-file.ts';
import { readSignature } from '../../workspace/signing/signature-files.ts';
import {
  artifactPath,
  openWorkspace,
  readManifest,
  type StoredRelease,
  type Workspace,
} from '../../workspace/workspace.ts';
import { readReleasable } from './releasable.ts';

export interface ArtifactRequest {
  readonly manifestPath: string;
  readonly outputFolder?: string;
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
 * @throws OtaError as `findArtifacts`; `usage` when the release has several and none is named
 */
export async function findArtifact(request: ArtifactRequest): Promise<FoundArtifact> {
  const choice = await chooseApps(request);
  const [only, ...others] = choice.apps;
  if (only !== undefined && others.length === 0) return await describe(choice, only);
  throw new OtaError('usage', `release ${choice.stored.release.version} has several artifacts`, {
    hint: `Choose one with --artifact: ${choice.apps.map(({ filename }) => filename).join(', ')}.`,
  });
}

/**
 * The apps of a release, or the one that is named, verified, of a release that is signed as the product demands.
 *
 * @returns at least one
 * @throws OtaError as reading a release does; `nothing-to-deploy` when what is named is no app
 */
export async function findArtifacts(request: ArtifactRequest): Promise<FoundArtifact[]> {
  const choice = await chooseApps(request);
  const found: FoundArtifact[] = [];
  for (const artifact of choice.apps) found.push(await describe(choice, artifact));
  return found;
}

interface Choice {
  readonly workspace: Workspace;
  readonly product: Product;
  readonly stored: StoredRelease;
  readonly apps: readonly Artifact[];
}

async function chooseApps(request: ArtifactRequest): Promise<Choice> {
  const workspace = openWorkspace(request.manifestPath, request.outputFolder);
  const manifest = await readManifest(workspace);
  const stored = await readReleasable(workspace, manifest, request.version, request.now);
  const chosen = chooseArtifacts(stored.release, request.artifact);
  const apps = chosen.filter(isUpdate);
  if (apps.length > 0) return { workspace, product: manifest.product, stored, apps };
  const [other] = chosen;
  throw new OtaError('nothing-to-deploy', `${other?.filename} is no app: ${other?.role}`, {
    hint: 'Bootloaders, tables and whole flash images are not sent over the air.',
  });
}

async function describe(
  { workspace, product, stored }: Choice,
  artifact: Artifact,
): Promise<FoundArtifact> {
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
      product: product.name,
      hardware: hardwareOf(product).join(', '),
      version,
      artifact: artifact.name,
      filename: artifact.filename,
      sizeBytes: artifact.size,
      sha256: artifact.sha256.toLowerCase(),
      ...(signature === undefined ? {} : { signature }),
    },
  };
}
