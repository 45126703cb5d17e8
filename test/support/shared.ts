import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * The folder with real images and reference pages, beside the project (`../shared`) or where `OTA_SHARED`
 * says. It is not part of the project: without it the tests that need it are left out, but never in CI, and not
 * when a folder is named that is not there.
 */
export function sharedFolder(): string | undefined {
  const folder = process.env.OTA_SHARED ?? resolve(import.meta.dirname, '../../../shared');
  if (existsSync(folder)) return folder;
  if (process.env.CI === 'true' || process.env.OTA_SHARED !== undefined)
    throw new Error(`there is no shared folder at ${folder}`);
  return undefined;
}

/** Name and path of every real image; none when there is no shared folder. */
export function sharedImages(): [name: string, path: string][] {
  const shared = sharedFolder();
  if (shared === undefined) return [];
  const folder = join(shared, 'images');
  return [folder, join(folder, 'synthetic')].flatMap((path) =>
    readdirSync(path)
      .filter((name) => /\.(?:bin|elf)$/.test(name))
      .map((name): [string, string] => [name, join(path, name)]),
  );
}
