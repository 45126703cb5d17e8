import { OtaError } from '../../core/errors.ts';
import { remoteFolder } from '../../core/publishing/publish-target.ts';
import {
  type RemoteFile,
  type RemotePublication,
  remoteCleanScript,
  remotePrepareScript,
  remotePublishScript,
} from '../../core/publishing/remote-publish.ts';
import { cannotUseRsync, explainSshEnd } from '../../core/publishing/ssh-failure.ts';
import { temporaryPrefix } from '../../workspace/changes/file-change.ts';
import type { Publication, PublishOptions } from './publish.ts';
import { endSshProgram, runSshProgram, type SshSession } from './ssh-program.ts';

interface SshTarget {
  readonly host: string;
  readonly path: string;
}

/**
 * Uploads under a temporary name with rsync, or scp where a side has none, and lets the server check and rename.
 * Keys only: a password prompt would hang a build.
 *
 * @throws OtaError `publish-failed`, `program-missing`, `usage`, `cancelled`
 */
export async function publishOverSsh(publication: Publication, target: SshTarget): Promise<void> {
  const { options } = publication;
  const session: SshSession = { host: target.host, ...options.ssh, env: options.env };
  const { signal } = options;
  const folders = foldersOf(target, options);
  const planned = planRemote(publication, folders);
  const shell = (script: string) => endSshProgram(session, sshCall(session, script), signal);
  await shell(remotePrepareScript([...new Set(Object.values(folders))], temporaryPrefix));
  try {
    await copy(session, options.binaryPath, planned.firmware.temporary, signal);
    await shell(remotePublishScript(planned));
  } catch (error) {
    throw await cleanUp(session, planned, error);
  }
}

interface Folders {
  readonly firmware: string;
  readonly version: string;
}

function foldersOf({ path }: SshTarget, { versionFolder }: PublishOptions): Folders {
  const version = versionFolder === undefined ? path : remoteFolder(versionFolder);
  return { firmware: path, version };
}

function planRemote(publication: Publication, folders: Folders): RemotePublication {
  const { files, options, sha256, versionSha256, versionText } = publication;
  const token = Math.floor(options.random() * 36 ** 8).toString(36);
  const fileFor = (role: (typeof files)[number]['role']): RemoteFile => {
    const folder = role === 'version' ? folders.version : folders.firmware;
    const name = files.find((file) => file.role === role)?.name ?? role;
    return {
      temporary: joinRemote(folder, `${temporaryPrefix}${token}-${role}`),
      path: joinRemote(folder, name),
      sha256: role === 'version' ? versionSha256 : sha256,
    };
  };
  return {
    firmware: fileFor('firmware'),
    alias: fileFor('alias'),
    version: { ...fileFor('version'), text: versionText },
  };
}

async function copy(
  session: SshSession,
  local: string,
  remote: string,
  signal: AbortSignal,
): Promise<void> {
  const destination = `${session.host}:${remote}`;
  const remoteShell = ['ssh', ...sshFlags(session, '-p')].join(' ');
  // -s: the remote path is no text for a shell. --inplace: no second temporary name that might stay behind.
  const words = ['-s', '--inplace', '-e', remoteShell, '--', local, destination];
  const rsync = { program: 'rsync', words };
  const ended = await runSshProgram(session, rsync, signal);
  if (ended !== 'missing' && !cannotUseRsync(ended)) {
    if (ended.exitCode === 0) return;
    throw explainSshEnd(ended);
  }
  // Old servers give the path to a shell, new ones (SFTP) do not: plain names mean the same to both.
  const protocol = /^[\w./@%=-]+$/.test(remote) ? [] : ['-s'];
  const flags = [...protocol, '-q', ...sshFlags(session, '-P')];
  await endSshProgram(
    session,
    { program: 'scp', words: [...flags, '--', local, destination] },
    signal,
  );
}

/** Longer than it takes to find that the server cannot be reached either. */
const cleanUpMs = 20_000;

/** The first failure is the one to tell; the other, where something may have stayed behind. */
async function cleanUp(
  session: SshSession,
  { firmware, alias, version }: RemotePublication,
  error: unknown,
): Promise<unknown> {
  const temporaries = [firmware, alias, version].map(({ temporary }) => temporary);
  const call = sshCall(session, remoteCleanScript(temporaries));
  try {
    await endSshProgram(session, call, AbortSignal.timeout(cleanUpMs));
    return error;
  } catch {
    if (!(error instanceof OtaError)) return error;
    const left = `these may be left on ${session.host}; the next publication after a day removes them`;
    return new OtaError(error.code, error.message, {
      details: [...error.details, `${left}: ${temporaries.join(', ')}`],
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    });
  }
}

/** The script goes to the standard input of `sh`: the user's own shell there may be any. */
function sshCall(session: SshSession, script: string) {
  // Brackets around IPv6 addresses are for programs that expect a path after the host.
  const host = session.host.replace(/\[(.*)\]$/, '$1');
  return { program: 'ssh', words: [...sshFlags(session, '-p'), '--', host, 'sh'], input: script };
}

/** A connection that has died without a word is given up after a minute. */
const liveness = ['-o', 'ServerAliveInterval=15', '-o', 'ServerAliveCountMax=4'];

function sshFlags({ port }: SshSession, portFlag: '-p' | '-P'): string[] {
  const portWords = port === undefined ? [] : [portFlag, String(port)];
  return ['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=15', ...liveness, ...portWords];
}

function joinRemote(folder: string, name: string): string {
  return folder.endsWith('/') ? `${folder}${name}` : `${folder}/${name}`;
}
