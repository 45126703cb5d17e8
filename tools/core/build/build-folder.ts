import type { FirmwareFile } from '../image/firmware-file.ts';
import type { PartitionTable } from '../image/partitions/table.ts';
import type { Disagreement } from './disagreement.ts';
import { findDisagreements } from './disagreements.ts';
import type { FlasherArgs, FlashFile } from './flasher-args.ts';
import type { ProjectDescription } from './project-description.ts';
import type { Sdkconfig } from './sdkconfig.ts';

export type BuildRole = 'app' | 'bootloader' | 'partition-table' | 'otadata' | 'data';

/** One file of a build that belongs into flash. */
export interface BuildPart {
  readonly role: BuildRole;
  readonly name: string;
  /** Flash address; `undefined` when the build lists no address for it. */
  readonly offset: number | undefined;
  /** As the build wrote it, relative to the build folder. */
  readonly path: string;
  /** `outside`: the path leaves the build folder and was not followed. */
  readonly state: 'present' | 'missing' | 'outside';
  readonly sizeBytes: number | undefined;
  /** What the file is; not read for data partitions. */
  readonly image: FirmwareFile | undefined;
}

/** What was read from a build folder, before it is put together. */
export interface BuildFacts {
  readonly folder: string;
  readonly project: ProjectDescription;
  readonly flasher: FlasherArgs | undefined;
  readonly config: Sdkconfig | undefined;
  readonly parts: readonly BuildPart[];
}

/** The facts of a build with its files in their roles. */
export interface JoinedBuild extends BuildFacts {
  readonly app: BuildPart | undefined;
  readonly bootloader: BuildPart | undefined;
  readonly otadata: BuildPart | undefined;
  readonly data: readonly BuildPart[];
  readonly partitionTable: PartitionTable | undefined;
  readonly partitionTableOffset: number;
  readonly flashSizeBytes: number | undefined;
}

/** A whole build: what it says of itself, its files, and where the two differ. */
export interface BuildFolder extends JoinedBuild {
  readonly disagreements: readonly Disagreement[];
}

const roles: Readonly<Record<string, BuildRole>> = {
  app: 'app',
  bootloader: 'bootloader',
  'partition-table': 'partition-table',
  partition_table: 'partition-table',
  otadata: 'otadata',
};

/** CONFIG_PARTITION_TABLE_OFFSET of a project that does not set it. */
const defaultTableOffset = 0x8000;

/** A file of the build that is to be read. */
export type ExpectedPart = Pick<BuildPart, 'role' | 'name' | 'offset' | 'path'>;

/** Which files a build has: those that are flashed, and the app even when no address is listed for it. */
export function expectedParts(
  project: ProjectDescription,
  flasher: FlasherArgs | undefined,
): ExpectedPart[] {
  const parts = (flasher?.files ?? []).map(toExpected);
  const { appBin } = project;
  if (appBin !== undefined && !parts.some(({ role }) => role === 'app')) {
    parts.unshift({ role: 'app', name: 'app', offset: undefined, path: appBin });
  }
  return parts;
}

function toExpected({ name, offset, path }: FlashFile): ExpectedPart {
  const role = (Object.hasOwn(roles, name) ? roles[name] : undefined) ?? 'data';
  return { role, name, offset, path };
}

/** Joins what was read, and lists every disagreement in it. */
export function joinBuild(facts: BuildFacts): BuildFolder {
  const { config, flasher, parts } = facts;
  const find = (role: BuildRole): BuildPart | undefined => parts.find((part) => part.role === role);
  const tablePart = find('partition-table');
  const build: JoinedBuild = {
    ...facts,
    app: find('app'),
    bootloader: find('bootloader'),
    otadata: find('otadata'),
    data: parts.filter(({ role }) => role === 'data'),
    partitionTable:
      tablePart?.image?.kind === 'partition-table' ? tablePart.image.table : undefined,
    partitionTableOffset: tablePart?.offset ?? config?.partitionTableOffset ?? defaultTableOffset,
    // `detect` and `keep` in flasher_args.json tell nothing, so the configuration and the header follow.
    flashSizeBytes:
      flasher?.flashSizeBytes ??
      config?.flashSizeBytes ??
      flashSizeOf(find('bootloader')) ??
      flashSizeOf(find('app')),
  };
  return { ...build, disagreements: findDisagreements(build) };
}

function flashSizeOf(part: BuildPart | undefined): number | undefined {
  const image = part?.image;
  return image !== undefined && 'header' in image ? image.header.flashSizeBytes : undefined;
}
