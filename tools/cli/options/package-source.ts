import { OtaError } from '../../core/errors.ts';
import type { PackageOptions } from '../../workflows/packaging/package.ts';
import type { Io } from '../io.ts';
import { absolute, absoluteOrNone, optional, splitList } from './options.ts';

/** The flags of `ota package` that say what is packaged. */
export interface BinaryFlags {
  readonly binary: string | undefined;
  readonly 'build-dir': string | undefined;
  readonly with: string[] | undefined;
  readonly version: string | undefined;
}

/**
 * The binary and its version: as given, or from the build folder.
 *
 * @throws OtaError `usage`, and about the build folder
 */
export async function chooseBinary(
  args: BinaryFlags,
  io: Io,
): Promise<
  Pick<PackageOptions, 'binaryPath' | 'version' | 'versionGiven' | 'build' | 'appOffset' | 'files'>
> {
  const { binary, version, 'build-dir': buildFolder } = args;
  if (buildFolder === undefined) {
    if (binary !== undefined && version !== undefined) {
      return { binaryPath: absolute(io, binary), version, versionGiven: true };
    }
    throw new OtaError('usage', 'what is to be packaged?', {
      hint: 'Give --binary and --version, or --build-dir.',
    });
  }
  const { readBuildPackage } = await import('../../workflows/packaging/build.ts');
  const parts = splitList(args.with) ?? [];
  const found = await readBuildPackage(absolute(io, buildFolder), parts, {
    ...optional('binaryPath', absoluteOrNone(io, binary)),
    ...optional('version', version),
  });
  return {
    binaryPath: found.binaryPath,
    version: found.version,
    versionGiven: version !== undefined,
    build: found.build,
    files: found.files,
    ...optional('appOffset', found.appOffset),
  };
}
