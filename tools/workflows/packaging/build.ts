import { join } from 'node:path';
import type { BuildFolder, BuildPart } from '../../core/build/build-folder.ts';
import { OtaError } from '../../core/errors.ts';
import { mergeImages } from '../../core/image/building/merge-images.ts';
import type { PackageFile } from '../../core/release/package-plan.ts';
import { didYouMeanSuffix } from '../../core/schema.ts';
import { readBuildFolder } from '../../workspace/firmware/build-folder.ts';
import { readFirmwareBytes } from '../../workspace/firmware/firmware-bytes.ts';

/** What a build folder contributes to a release. */
export interface BuildPackage {
  readonly build: BuildFolder;
  /** The app of the build. */
  readonly binaryPath: string;
  readonly version: string;
  readonly appOffset: number | undefined;
  /** The files that `--with` asked for. */
  readonly files: readonly PackageFile[];
}

/** What is known without the build. */
export interface KnownPackage {
  readonly binaryPath?: string;
  readonly version?: string;
}

/**
 * Reads a build folder: the app and its version, and the parts that go along.
 *
 * @param known what somebody chose; it is not looked for in the build
 * @param wanted names of parts: `bootloader`, `partition-table`, `otadata`, `merged`, or a data partition
 * @throws OtaError about the build, `binary-missing`, `usage`
 */
export async function readBuildPackage(
  folder: string,
  wanted: readonly string[],
  known: KnownPackage,
): Promise<BuildPackage> {
  const build = await readBuildFolder(folder);
  const files: PackageFile[] = [];
  for (const name of wanted) {
    files.push(name === 'merged' ? await mergeParts(build) : await readPart(build, name));
  }
  return {
    build,
    binaryPath: known.binaryPath ?? join(build.folder, requirePart(build, build.app, 'app').path),
    version: known.version ?? versionOf(build),
    appOffset: build.app?.offset,
    files,
  };
}

/** The version in the image, which is what the device will report; else the one of the build. */
function versionOf({ app, project, folder }: BuildFolder): string {
  const image = app?.image;
  const placeholder = image?.kind !== 'app' || image.descriptor.placeholder;
  const version = placeholder ? project.projectVersion : image.descriptor.version;
  if (version !== undefined && version !== '') return version;
  throw new OtaError('usage', `the build in ${folder} names no version`, {
    hint: 'Give it with --version.',
  });
}

async function readPart(build: BuildFolder, name: string): Promise<PackageFile> {
  const candidates = [...build.parts.filter(({ role }) => role !== 'app')];
  const found = candidates.find((part) => part.name === name || part.role === name);
  if (found === undefined) {
    const known = [...candidates.map((part) => part.name), 'merged'];
    throw new OtaError(
      'usage',
      `--with ${name}: the build has no such part${didYouMeanSuffix(name, known)}`,
      { hint: `It has ${known.join(', ')}.` },
    );
  }
  const part = requirePart(build, found, name);
  return {
    role: part.role,
    name: part.name,
    ...(part.offset === undefined ? {} : { offset: part.offset }),
    bytes: await readFirmwareBytes(join(build.folder, part.path)),
  };
}

/** The factory image: every part at its place, from flash address 0 on. */
async function mergeParts(build: BuildFolder): Promise<PackageFile> {
  const parts: { offset: number; bytes: Uint8Array }[] = [];
  for (const found of build.parts) {
    const part = requirePart(build, found, found.name);
    if (part.offset === undefined) continue;
    const bytes = await readFirmwareBytes(join(build.folder, part.path));
    parts.push({ offset: part.offset, bytes });
  }
  try {
    return { role: 'merged', name: 'merged', offset: 0, bytes: mergeImages(parts) };
  } catch (cause) {
    throw new OtaError('build-invalid', `the parts of ${build.folder} cannot be merged`, {
      cause,
      hint: '`ota inspect` on the build folder shows which parts overlap.',
    });
  }
}

function requirePart(build: BuildFolder, part: BuildPart | undefined, name: string): BuildPart {
  if (part?.state === 'present') return part;
  throw new OtaError(
    'binary-missing',
    `the build in ${build.folder} has no file for ${name}${part === undefined ? '' : `: ${part.path}`}`,
    { hint: 'Build again with `idf.py build`.' },
  );
}
