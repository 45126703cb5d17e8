import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { OtaError } from '../core/errors.ts';
import { planExport } from '../core/export/export-plan.ts';
import type { ExportFile, ExportFormat } from '../core/export/format.ts';
import { chooseVersion, hardwareOf } from '../core/release/manifest.ts';
import type { Artifact } from '../core/release/release.ts';
import { verifyArtifact } from '../workspace/artifact-file.ts';
import { changeFiles, type FileChange, stageBytes } from '../workspace/changes/file-change.ts';
import { copyBinary } from '../workspace/firmware/copy-binary.ts';
import { readSignature } from '../workspace/signing/signature-files.ts';
import { artifactPath, openWorkspace, readManifest } from '../workspace/workspace.ts';
import { readReleasable } from './packaging/releasable.ts';

export interface ExportOptions {
  readonly manifestPath: string;
  readonly outputFolder?: string;
  /** A version id, or `latest`. */
  readonly version: string;
  readonly format: ExportFormat;
  /** Where the files go, an absolute path. */
  readonly folder: string;
  readonly forceUpdate: boolean;
  readonly now: Date;
}

export interface ExportResult {
  readonly version: string;
  readonly format: string;
  /** Absolute paths, in the order in which they were put in place. */
  readonly files: readonly string[];
}

/** An artifact's file, verified. */
interface VerifiedFile {
  readonly artifact: Artifact;
  readonly path: string;
  readonly md5: string;
  /** Content of `<artifact>.sig` as base64. */
  readonly signature: string | undefined;
}

/**
 * Publishes one release as files for other clients. Artifacts are verified first, and signatures where the product
 * has any: what may not be deployed may not be published either. All files appear together, what points to others
 * last.
 *
 * @throws OtaError about the manifests, files and signatures; `export-impossible`, `write-failed`
 */
export async function exportRelease(options: ExportOptions): Promise<ExportResult> {
  const workspace = openWorkspace(options.manifestPath, options.outputFolder);
  const manifest = await readManifest(workspace);
  const { label } = chooseVersion(manifest, options.version, options.manifestPath);
  const stored = await readReleasable(workspace, manifest, options.version, options.now);
  const { release, artifactFolder } = stored;
  const sources = new Map<string, VerifiedFile>();
  for (const artifact of release.artifacts) {
    const path = await artifactPath(workspace, stored, artifact);
    const md5 = createHash('md5');
    await verifyArtifact(path, artifact, (chunk) => md5.update(chunk));
    const signature = await readSignature(artifactFolder, artifact.filename);
    sources.set(artifact.filename, { artifact, path, md5: md5.digest('hex'), signature });
  }
  const plan = planExport(options.format, {
    product: manifest.product.name,
    hardware: hardwareOf(manifest.product),
    release,
    ...(label !== undefined && { label }),
    md5: new Map([...sources].map(([filename, { md5 }]) => [filename, md5])),
    signatures: new Map(
      [...sources].flatMap(([filename, { signature }]): [string, string][] =>
        signature === undefined ? [] : [[filename, signature]],
      ),
    ),
    forceUpdate: options.forceUpdate,
  });
  await changeFiles(async (change) => {
    for (const file of plan) await stage(change, join(options.folder, file.path), file, sources);
  });
  const files = plan.map(({ path }) => join(options.folder, path));
  return { version: release.version, format: options.format.name, files };
}

async function stage(
  change: FileChange,
  path: string,
  file: ExportFile,
  sources: ReadonlyMap<string, VerifiedFile>,
): Promise<void> {
  if ('content' in file) return stageBytes(change, path, file.content);
  const source = sources.get(file.copyOf);
  if (source === undefined) throw new OtaError('artifact-missing', file.copyOf);
  const { sha256 } = await change.stage(path, (fd) => copyBinary(source.path, fd));
  if (sha256 === source.artifact.sha256.toLowerCase()) return;
  throw new OtaError('artifact-hash-mismatch', `${source.path} changed after it was verified`, {
    hint: 'Export again, and let nothing write to the release meanwhile.',
  });
}
