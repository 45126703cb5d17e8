import { relative } from 'node:path';
import type { ReleaseSource } from '../../core/release/release.ts';

/**
 * The state of the sources that a folder belongs to. What packaging itself writes below `except` does not make
 * them dirty: otherwise each build would change the version of the next.
 *
 * @returns nothing when the folder is in no git repository, has no commit, or git is not there
 */
export async function readGitSource(
  folder: string,
  except: string,
): Promise<ReleaseSource | undefined> {
  const { execa } = await import('execa');
  const git = async (...words: string[]): Promise<string | undefined> => {
    const ran = await execa('git', ['-C', folder, ...words], { reject: false, timeout: 10_000 });
    return ran.exitCode === 0 ? ran.stdout.trim() : undefined;
  };
  const [top, commit] = await Promise.all([
    git('rev-parse', '--show-toplevel'),
    git('rev-parse', '--verify', 'HEAD'),
  ]);
  if (top === undefined || commit === undefined) return;
  const own = relative(top, except);
  const outside = own === '' || own.startsWith('..');
  const changes = await git(
    ...['status', '--porcelain', '--untracked-files=no', '--', `:(top)`],
    ...(outside ? [] : [`:(top,exclude)${own}`]),
  );
  return { commit, dirty: changes !== '' };
}
