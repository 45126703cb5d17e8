import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cancelledError, OtaError } from '../core/errors.ts';
import { quoteForShell, remotePublishScript } from '../core/fleet/publish-target.ts';
import { temporaryPrefix } from '../workspace/file-change.ts';
import { withTemporaryFolder } from '../workspace/temporary-folder.ts';
import type { Publication } from './publish.ts';

interface SshTarget {
  readonly host: string;
  readonly path: string;
}

interface Upload {
  readonly local: string;
  readonly temporary: string;
  readonly path: string;
  readonly sha256: string;
}

/**
 * Uploads under temporary names with rsync, or scp where there is none, and lets the server check and rename. Keys
 * only: a password prompt would hang a build.
 *
 * @throws OtaError `publish-failed`, `cancelled`
 */
export async function publishOverSsh(publication: Publication, target: SshTarget): Promise<void> {
  const { options, files } = publication;
  const token = Math.floor(options.random() * 36 ** 8).toString(36);
  await withTemporaryFolder(async (folder) => {
    const versionPath = join(folder, 'version.json');
    await writeFile(versionPath, publication.versionText);
    const uploads = files.map(({ name, role }): Upload => {
      const version = role === 'version';
      const remote = version ? (options.versionFolder ?? target.path) : target.path;
      return {
        local: version ? versionPath : options.binaryPath,
        temporary: joinRemote(remote, `${temporaryPrefix}${token}-${role}`),
        path: joinRemote(remote, name),
        sha256: version ? publication.versionSha256 : publication.sha256,
      };
    });
    await transfer(publication, target, uploads);
  });
}

async function transfer(
  publication: Publication,
  { host, path }: SshTarget,
  uploads: readonly Upload[],
): Promise<void> {
  const { versionFolder = path } = publication.options;
  const shell = (script: string) =>
    run(publication, 'ssh', [...sshFlags(publication, '-p'), '--', host, script]);
  const folders = [...new Set([path, versionFolder])].map(quoteForShell).join(' ');
  await shell(`mkdir -p ${folders}`);
  const temporaries = uploads.map(({ temporary }) => quoteForShell(temporary)).join(' ');
  try {
    for (const upload of uploads) await copy(publication, host, upload);
    await shell(remotePublishScript(uploads));
  } catch (error) {
    await shell(`rm -f ${temporaries}`).catch(() => {}); // the first failure is the one to tell
    throw error;
  }
}

async function copy(publication: Publication, host: string, upload: Upload): Promise<void> {
  const { local, temporary } = upload;
  try {
    const remoteShell = ['ssh', ...sshFlags(publication, '-p')].join(' ');
    // -s: the remote path is no text for a shell.
    await run(publication, 'rsync', ['-s', '-e', remoteShell, '--', local, `${host}:${temporary}`]);
  } catch (error) {
    if (!(error instanceof OtaError) || error.code !== 'program-missing') throw error;
    // Old servers give the path to a shell, new ones (SFTP) do not: plain names mean the same to both.
    const protocol = /^[\w./~+@%=-]+$/.test(temporary) ? [] : ['-s'];
    const flags = [...protocol, '-q', ...sshFlags(publication, '-P')];
    await run(publication, 'scp', [...flags, '--', local, `${host}:${temporary}`]);
  }
}

function sshFlags({ options }: Publication, portFlag: '-p' | '-P'): string[] {
  const port = options.ssh.port === undefined ? [] : [portFlag, String(options.ssh.port)];
  return ['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=15', ...port];
}

async function run(
  { options }: Publication,
  program: string,
  words: readonly string[],
): Promise<void> {
  const { execa } = await import('execa');
  const result = await execa(program, [...words], {
    env: options.env as Record<string, string>,
    extendEnv: false,
    stdin: 'ignore',
    cancelSignal: options.signal,
    reject: false,
  });
  if (!result.failed) return;
  if (options.signal.aborted) throw cancelledError();
  if (result.code === 'ENOENT') {
    throw new OtaError('program-missing', `${program} is not installed`, {
      hint: 'Install OpenSSH (ssh and scp), or rsync.',
    });
  }
  throw new OtaError('publish-failed', `${program} ended with status ${result.exitCode ?? '?'}`, {
    details: result.stderr
      .split('\n')
      .filter((text) => text.trim() !== '')
      .slice(-5),
    hint: 'Check that `ssh` reaches the host with a key, without a prompt, and that the folder is writable.',
  });
}

function joinRemote(folder: string, name: string): string {
  return folder.endsWith('/') ? `${folder}${name}` : `${folder}/${name}`;
}
