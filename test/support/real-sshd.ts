import { chmod, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { type ChildServer, runClient, serverEnv, startChildServer } from './child-server.ts';
import { findFreePort } from './peers.ts';
import { createFolder } from './temporary-workspace.ts';

/** What a server needs of the system to take a publication; rsync only when it is there. */
const serverPrograms = ['sh', 'mkdir', 'chmod', 'cp', 'cut', 'find', 'mv', 'rm', 'sha256sum'];

export interface RealSshd extends ChildServer {
  readonly port: number;
  /** `user@127.0.0.1`, the user being the one who runs the tests. */
  readonly host: string;
  /** Where a session starts: the server's stand-in for a home folder. */
  readonly home: string;
  /** A line of known_hosts without its name. */
  readonly hostKey: string;
  /** The private key that is let in. */
  readonly keyPath: string;
}

export interface SshdOptions {
  /** Whether the server has rsync. Default: yes. */
  readonly rsync?: boolean;
}

/** Starts OpenSSH's server on a free port of the loopback, as the current user, with keys and a home of its own. */
export async function startSshd(options: SshdOptions = {}): Promise<RealSshd> {
  const port = await findFreePort();
  if (userInfo().uid === 0) await mkdir('/run/sshd', { recursive: true }); // privilege separation
  const server = await startChildServer({
    // It starts itself again for every connection, and wants to know where it stands.
    command: (await findProgram('sshd')) ?? 'sshd',
    debianPackage: 'openssh-server',
    ready: /Server listening on 127\.0\.0\.1/,
    configure: (folder) => configure(folder, port, options),
  });
  const [type, key] = (await readFile(join(server.folder, 'host.pub'), 'utf8')).split(' ');
  return {
    ...server,
    port,
    host: `${userInfo().username}@127.0.0.1`,
    home: join(server.folder, 'home'),
    hostKey: `${type} ${key}`,
    keyPath: join(server.folder, 'user'),
  };
}

async function configure(folder: string, port: number, options: SshdOptions): Promise<string[]> {
  await createKey(join(folder, 'host'));
  await createKey(join(folder, 'user'));
  const bin = join(folder, 'bin');
  await linkPrograms(bin, [...serverPrograms, ...(options.rsync === false ? [] : ['rsync'])]);
  await mkdir(join(folder, 'home'));
  const login = await writeScript(join(folder, 'login'), [
    `cd '${join(folder, 'home')}'`,
    `PATH='${bin}'`,
    'exec sh -c "$SSH_ORIGINAL_COMMAND"',
  ]);
  const lines = [
    `Port ${port}`,
    ...['ListenAddress ::1', 'ListenAddress 127.0.0.1'],
    `HostKey ${join(folder, 'host')}`,
    `AuthorizedKeysFile ${join(folder, 'user.pub')}`,
    ...['UsePAM no', 'StrictModes no', 'PidFile none', 'PrintMotd no'],
    ...['PasswordAuthentication yes', 'KbdInteractiveAuthentication no'],
    'Subsystem sftp /usr/lib/openssh/sftp-server',
    `ForceCommand ${login}`,
  ];
  await writeFile(join(folder, 'sshd_config'), `${lines.join('\n')}\n`);
  return ['-D', '-e', '-f', join(folder, 'sshd_config')];
}

/** An Ed25519 key pair: `path` and `path.pub`. */
export async function createKey(path: string, passphrase = ''): Promise<string> {
  await runClient('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-f', path]);
  return path;
}

export interface SshClientOptions {
  readonly port?: number;
  readonly keyPath?: string;
  /** The line that known_hosts holds for the server; none when empty. */
  readonly hostKey?: string;
  /** Whether the client has rsync. Default: yes. */
  readonly rsync?: boolean;
}

/**
 * An environment in which Debian's ssh and scp know this server and its key, and nothing of the user's own
 * configuration. `asked()` tells whether anybody was asked for a password or the like.
 */
export async function sshClient(server: RealSshd, options: SshClientOptions = {}) {
  const { port = server.port, keyPath = server.keyPath, hostKey = server.hostKey } = options;
  const folder = await createFolder({
    known_hosts: hostKey === '' ? '' : `under-test ${hostKey}\n`,
  });
  const lines = [
    'Host *',
    `Port ${port}`,
    `IdentityFile ${keyPath}`,
    ...['IdentitiesOnly yes', 'IdentityAgent none'],
    'HostKeyAlias under-test',
    `UserKnownHostsFile ${join(folder, 'known_hosts')}`,
    'GlobalKnownHostsFile /dev/null',
  ];
  const config = join(folder, 'ssh_config');
  await writeFile(config, `${lines.join('\n')}\n`);
  const bin = join(folder, 'bin');
  await linkPrograms(bin, options.rsync === false ? [] : ['rsync']);
  for (const name of ['ssh', 'scp']) {
    const program = await findProgram(name);
    await writeScript(join(bin, name), [
      `echo ${name} >> '${folder}/calls'`,
      `exec ${program} -F '${config}' "$@"`,
    ]);
  }
  const askpass = await writeScript(join(folder, 'askpass'), [`echo asked > '${folder}/asked'`]);
  const isThere = async (name: string) =>
    (await stat(join(folder, name)).catch(() => undefined)) !== undefined;
  return {
    env: { PATH: bin, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':0' },
    asked: () => isThere('asked'),
    /** The programs that were run, in their order. */
    calls: async () => (await readFile(join(folder, 'calls'), 'utf8')).trimEnd().split('\n'),
  };
}

async function linkPrograms(folder: string, names: readonly string[]): Promise<void> {
  await mkdir(folder);
  for (const name of names) {
    const path = await findProgram(name);
    if (path === undefined) throw new Error(`this test needs \`${name}\`: install it`);
    await symlink(path, join(folder, name));
  }
}

async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of (serverEnv.PATH ?? '').split(delimiter)) {
    const path = join(folder, name);
    if ((await stat(path).catch(() => undefined))?.isFile() === true) return path;
  }
  return;
}

async function writeScript(path: string, lines: readonly string[]): Promise<string> {
  await writeFile(path, ['#!/bin/sh', ...lines, ''].join('\n'));
  await chmod(path, 0o755);
  return path;
}
