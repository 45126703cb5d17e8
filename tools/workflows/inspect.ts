import { stat } from 'node:fs/promises';
import type { BuildFolder } from '../core/build/build-folder.ts';
import type { FirmwareFile } from '../core/image/firmware-file.ts';
import { parseImage } from '../core/image/parse-image.ts';
import { problemsOf } from '../core/image/problems.ts';
import { fingerprintOf } from '../core/integrity.ts';
import { readBuildFolder } from '../workspace/firmware/build-folder.ts';
import { readFirmwareBytes } from '../workspace/firmware/firmware-bytes.ts';

/** What is known of one file. */
export interface FileInspection {
  readonly subject: 'file';
  readonly path: string;
  /** Of the whole file, lowercase hex. */
  readonly sha256: string;
  readonly file: FirmwareFile;
  /** For which a device would refuse the file, or fail with it. */
  readonly problems: readonly string[];
}

/** What is known of a whole build. */
export interface BuildInspection {
  readonly subject: 'build';
  readonly path: string;
  readonly build: BuildFolder;
  /** Of its files, and every disagreement that is an error. */
  readonly problems: readonly string[];
}

export type Inspection = FileInspection | BuildInspection;

/**
 * Says what a file, or the folder of a build, is. Broken content is a problem in the result, not an error.
 *
 * @param path absolute, of a file or of a folder with `project_description.json`
 * @throws OtaError `binary-missing`, `binary-unreadable`, `file-too-large`, `build-missing`, `build-invalid`, `json-invalid`
 */
export async function inspect(path: string): Promise<Inspection> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() === true ? inspectBuild(path) : inspectFile(path);
}

async function inspectFile(path: string): Promise<FileInspection> {
  const bytes = await readFirmwareBytes(path);
  const file = parseImage(bytes);
  const { sha256 } = fingerprintOf(bytes);
  return { subject: 'file', path, sha256, file, problems: problemsOf(file) };
}

async function inspectBuild(path: string): Promise<BuildInspection> {
  const build = await readBuildFolder(path);
  const broken = build.parts.flatMap(({ role, image }) =>
    image === undefined || role === 'partition-table'
      ? []
      : problemsOf(image).map((problem) => `${role}: ${problem}`),
  );
  const disagreements = build.disagreements
    .filter(({ severity }) => severity === 'error')
    .map(({ message }) => message);
  return { subject: 'build', path, build, problems: [...broken, ...disagreements] };
}
