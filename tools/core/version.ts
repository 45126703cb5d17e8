import compareBuild from 'semver/functions/compare-build.js';
import parse from 'semver/functions/parse.js';

const longestIdBytes = 128;

/**
 * Why a version id cannot be used, or `undefined` when it can. An id becomes a folder name, so it holds no
 * path separators, no control characters, is not `.` or `..`, and has at most 128 bytes (UTF-8).
 */
export function versionIdProblem(id: string): string | undefined {
  return fileNameProblem(id);
}

/** The same rule for the name of a file that stands alone in its folder. */
export function fileNameProblem(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (Buffer.byteLength(name, 'utf8') > longestIdBytes)
    return `is longer than ${longestIdBytes} bytes`;
  if (/[/\\]/.test(name)) return 'holds a path separator';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) return 'holds a control character';
  if (name === '.' || name === '..' || name.startsWith('..')) return 'starts with ".."';
  if (/[:*?"<>|]/.test(name))
    return 'holds a character that not every file system takes (: * ? " < > |)';
  if (name !== name.trim() || name.endsWith('.'))
    return 'starts or ends with a space, or ends with a dot';
  return;
}

/**
 * Orders two version ids: negative when `a` is older. Semantic versions (a leading `v` is ignored) compare as
 * such and are newer than anything else; build metadata breaks ties by numbers; other texts compare naturally.
 */
export function compareVersions(a: string, b: string): number {
  const left = parse(a, { loose: true });
  const right = parse(b, { loose: true });
  if (left !== null && right !== null) return compareBuild(left, right, true);
  if (left !== null || right !== null) return left === null ? -1 : 1;
  return a.localeCompare(b, 'en', { numeric: true });
}

/** Whether the id is a semantic version; a leading `v` is ignored. */
export function isSemanticVersion(id: string): boolean {
  return parse(id, { loose: true }) !== null;
}

/** Whether the id is a semantic version without a pre-release part. */
export function isStableVersion(id: string): boolean {
  const parsed = parse(id, { loose: true });
  return parsed !== null && parsed.prerelease.length === 0;
}

/** What `latest` means: the newest stable version, else the newest of all; `undefined` for an empty list. */
export function latestVersion(ids: readonly string[]): string | undefined {
  const stable = ids.filter(isStableVersion);
  return [...(stable.length > 0 ? stable : ids)].sort(compareVersions).at(-1);
}
