import { compareVersions } from '../../version.ts';

/** A release as the fleet's decisions see it: one image for one model. */
export interface ReleaseFacts {
  readonly id: number;
  readonly model: string;
  readonly version: string;
  /** 0 when the publisher gave none. */
  readonly build: number;
  /** SHA-256 of the file, lowercase hex. */
  readonly sha256: string;
  /** SHA-256 of the ELF file from the app descriptor, when the image has one. */
  readonly elfSha256: string | undefined;
  /** Chip name from the image header, when the image has one. */
  readonly chip: string | undefined;
  /** Devices older than this may not take it. */
  readonly minVersion: string | undefined;
  /** Offered without a rollout. */
  readonly stable: boolean;
  /** Neither offered nor served when false. */
  readonly active: boolean;
  readonly createdAtMs: number;
}

/** What runs on a device. */
export interface RunningImage {
  readonly version: string;
  readonly build: number | undefined;
  readonly imageSha256: string | undefined;
}

/** Orders releases: version, build number, order of registration. Negative when `a` is older. */
export function compareReleases(a: ReleaseFacts, b: ReleaseFacts): number {
  return compareVersions(a.version, b.version) || a.build - b.build || a.id - b.id;
}

/**
 * Whether a device runs this release. A reported image hash decides alone; otherwise the version, and the build
 * number when both sides have one.
 */
export function isRunning(running: RunningImage, release: ReleaseFacts): boolean {
  if (running.imageSha256 !== undefined) {
    if (running.imageSha256 === release.sha256 || running.imageSha256 === release.elfSha256)
      return true;
    if (release.elfSha256 !== undefined) return false;
  }
  if (compareVersions(running.version, release.version) !== 0) return false;
  return running.build === undefined || release.build === 0 || running.build === release.build;
}

/**
 * The release compared with what runs: positive when it is newer. The same version and build with another image
 * hash counts as newer: some builds never change their version.
 */
export function compareWithRunning(release: ReleaseFacts, running: RunningImage): number {
  if (isRunning(running, release)) return 0;
  const byVersion = compareVersions(release.version, running.version);
  if (byVersion !== 0) return byVersion;
  if (running.build !== undefined && release.build !== 0 && release.build !== running.build)
    return release.build - running.build;
  return 1;
}
