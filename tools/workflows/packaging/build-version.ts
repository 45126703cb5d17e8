import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { LoadedConfig } from '../deploy-config.ts';

/**
 * The version of what was built, as the seed finds it: the configured version file, else, for an image that does not
 * say its own, `<branch>-<short hash>[-dirty]` of the repository, else `1.0.0-dev` (seeds-behaviour.md, 3.1).
 */
export async function versionFromFile({
  config,
  folder,
}: LoadedConfig): Promise<string | undefined> {
  const { version_file: file } = config.build;
  if (file === undefined) return;
  const text = await readFile(resolve(folder, file), 'utf8').catch(() => '');
  const version = text.split('\n')[0]?.trim() ?? '';
  return version === '' ? undefined : version;
}

export async function versionFromGit(folder: string): Promise<string> {
  const { execa } = await import('execa');
  const git = async (...words: string[]) => {
    const result = await execa('git', words, { cwd: folder, reject: false, stdin: 'ignore' });
    return result.failed ? undefined : result.stdout.trim();
  };
  const branch = await git('rev-parse', '--abbrev-ref', 'HEAD');
  const hash = await git('rev-parse', '--short', 'HEAD');
  if (branch === undefined || hash === undefined) return '1.0.0-dev';
  const dirty = (await git('status', '--porcelain')) === '' ? '' : '-dirty';
  return `${branch.replaceAll('/', '_')}-${hash}${dirty}`;
}
