import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/**
 * The folder with real images and reference pages, beside the project (`../shared`) or where `OTA_SHARED`
 * says. It is not part of the project: without it the tests that need it are left out, but never in CI.
 */
export function sharedFolder(): string | undefined {
  const folder = process.env.OTA_SHARED ?? resolve(import.meta.dirname, '../../../shared');
  if (existsSync(folder)) return folder;
  if (process.env.CI === 'true') throw new Error(`there is no shared folder at ${folder}`);
  return undefined;
}
