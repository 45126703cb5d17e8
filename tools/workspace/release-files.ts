import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isSignatureFileOf } from '../core/signing/signature-name.ts';
import { temporaryPrefix } from './changes/file-change.ts';
import { namesIn } from './folder.ts';
import { artifactPath, type StoredRelease, type Workspace } from './workspace.ts';

/** Absolute paths of everything that belongs to a release: ota.json, artifacts, signature files. */
export async function releaseFiles(workspace: Workspace, stored: StoredRelease): Promise<string[]> {
  const names = await namesIn(stored.artifactFolder);
  const files = [stored.path];
  for (const artifact of stored.release.artifacts) {
    files.push(await artifactPath(workspace, stored, artifact));
    const signatures = names.filter((name) => isSignatureFileOf(artifact.filename, name));
    files.push(...signatures.map((name) => join(stored.artifactFolder, name)));
  }
  return files;
}

/** A younger one may belong to a process that is writing. */
const leftoverAgeMs = 3_600_000;

/** What killed processes left: files of half-done changes beside the manifest and in the folders of releases. */
export async function findLeftovers(
  { manifestPath }: Workspace,
  folders: readonly string[],
  now: Date,
): Promise<string[]> {
  const root = dirname(manifestPath);
  const versions = join(root, 'versions');
  const places = [
    root,
    ...(await namesIn(versions)).map((name) => join(versions, name)),
    ...folders,
  ];
  const found: string[] = [];
  for (const folder of new Set(places)) {
    for (const name of await namesIn(folder)) {
      if (!name.startsWith(temporaryPrefix)) continue;
      const path = join(folder, name);
      const file = await stat(path).catch(() => undefined);
      if (file?.isFile() === true && now.getTime() - file.mtimeMs > leftoverAgeMs) found.push(path);
    }
  }
  return found;
}
