import { realpath } from 'node:fs/promises';
import { isAbsolute, join, resolve, sep } from 'node:path';
import { OtaError } from '../core/errors.ts';

/**
 * Joins a path from a manifest to a folder, and refuses to leave the workspace: by `..`, by an absolute path, or
 * through a symbolic link.
 *
 * @param allowed absolute paths of the folders that may be used
 * @param where what names the path, for messages
 * @throws OtaError `path-escapes`
 */
export async function confine(
  allowed: readonly string[],
  folder: string,
  path: string,
  where: string,
): Promise<string> {
  const inside = await resolveInside(allowed, folder, path);
  if (inside !== undefined) return inside;
  throw new OtaError('path-escapes', `${where}: "${path}" leaves ${allowed.join(' and ')}`, {
    hint: 'Releases and keys live beside the manifest; for a folder of releases elsewhere give it with --output.',
  });
}

/**
 * The absolute path, or `undefined` when it leaves all allowed folders: by `..`, by an absolute path, or
 * through a symbolic link. A path that does not exist can be inside.
 */
export async function resolveInside(
  allowed: readonly string[],
  folder: string,
  path: string,
): Promise<string | undefined> {
  const joined = isAbsolute(path) ? resolve(path) : resolve(folder, path);
  const isInside = (candidate: string, roots: readonly string[]): boolean =>
    roots.some((root) => candidate === root || candidate.startsWith(join(root, sep)));
  if (!isInside(joined, allowed)) return undefined;
  const real = await realpath(joined).catch(() => undefined);
  const roots = await Promise.all(allowed.map((root) => realpath(root).catch(() => root)));
  return real === undefined || isInside(real, roots) ? joined : undefined;
}
