import { dirname, resolve } from 'node:path';
import type { BuildFolder } from '../../core/build/build-folder.ts';
import type { PackagedRelease } from '../../core/image/check.ts';
import { parseImage } from '../../core/image/parse-image.ts';
import type { PartitionTable } from '../../core/image/partitions/table.ts';
import {
  checkFailure,
  checkWarnings,
  formatCheck,
  runChecks,
} from '../../core/image/run-checks.ts';
import { type Fingerprint, fingerprintOf } from '../../core/integrity.ts';
import { hardwareOf } from '../../core/release/manifest.ts';
import type { Release, ReleaseImage, ReleaseSource } from '../../core/release/release.ts';
import { describeImage } from '../../core/release/release-image.ts';
import { isBuildFolder, readBuildFolder } from '../../workspace/firmware/build-folder.ts';
import { readFirmwareBytes } from '../../workspace/firmware/firmware-bytes.ts';
import { readPartitionTable } from '../../workspace/firmware/partition-table-file.ts';
import { readManifest, readReleases, type Workspace } from '../../workspace/workspace.ts';
import { readGitSource } from './git-source.ts';

/** What packaging is going to release, and how it was chosen. */
export interface ExamineOptions {
  readonly binaryPath: string;
  readonly version: string;
  /** A person chose the version; otherwise it was taken from the build. */
  readonly versionGiven: boolean;
  /** The build that the binary comes from; looked for beside the binary when it is not given. */
  readonly build?: BuildFolder;
  readonly partitionTablePath?: string;
  /** Names of checks that may fail. */
  readonly allow: readonly string[];
}

/** What was found out about a binary that passed its checks. */
export interface Examination {
  readonly fingerprint: Fingerprint;
  readonly image?: ReleaseImage;
  readonly source?: ReleaseSource;
  /** One line each: failed checks of the level warning, and errors that were allowed. */
  readonly warnings: readonly string[];
}

/**
 * Reads the image and runs all checks on it.
 *
 * @throws OtaError `check-failed` with every failed check, `check-unknown`, and about files that cannot be read
 */
export async function examine(options: ExamineOptions, workspace: Workspace): Promise<Examination> {
  const folder = dirname(resolve(workspace.manifestPath));
  const sourceRead = readGitSource(folder, folder); // git runs while the image is read
  const manifest = await readManifest(workspace);
  const bytes = await readFirmwareBytes(options.binaryPath);
  const fingerprint = fingerprintOf(bytes);
  const image = parseImage(bytes);
  const build = options.build ?? (await findBuild(options.binaryPath));
  const partitionTable = await findTable(options, build);
  const { product } = manifest;
  const results = runChecks(
    {
      image,
      sha256: fingerprint.sha256,
      version: options.version,
      versionGiven: options.versionGiven,
      product: {
        hardware: hardwareOf(product),
        project: product.project,
        requireSignature: product.secure_boot ?? false,
      },
      partitionTable,
      build,
      releases: (await readReleases(workspace, manifest)).map(({ release }) => toPackaged(release)),
    },
    product.checks,
    options.allow,
  );
  const failure = checkFailure(results, options.binaryPath);
  if (failure !== undefined) throw failure;
  const described = describeImage(image);
  const source = await sourceRead;
  return {
    fingerprint,
    ...(described && { image: described }),
    ...(source && { source }),
    warnings: checkWarnings(results).map(formatCheck),
  };
}

/** The build that left this binary, when it still lies in its build folder. */
export async function findBuild(binaryPath: string): Promise<BuildFolder | undefined> {
  const folder = dirname(binaryPath);
  if (!(await isBuildFolder(folder))) return;
  const build = await readBuildFolder(folder);
  const isApp = build.app !== undefined && resolve(folder, build.app.path) === resolve(binaryPath);
  return isApp ? build : undefined;
}

async function findTable(
  { partitionTablePath }: ExamineOptions,
  build: BuildFolder | undefined,
): Promise<PartitionTable | undefined> {
  if (partitionTablePath === undefined) return build?.partitionTable;
  return readPartitionTable(partitionTablePath);
}

function toPackaged({ version, created_at, image, artifacts }: Release): PackagedRelease {
  return {
    version,
    sha256: artifacts
      .filter(({ role }) => role === undefined || role === 'app')
      .map(({ sha256 }) => sha256.toLowerCase()),
    secureVersion: image?.secure_version,
    createdAt: created_at,
  };
}
