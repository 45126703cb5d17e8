import { displayText } from '../display-text.ts';
import { OtaError } from '../errors.ts';

/** How ssh, rsync or scp ended. */
export interface SshEnd {
  readonly program: string;
  /** `user@host`, as it was given. */
  readonly host: string;
  readonly exitCode: number | undefined;
  readonly stderr: string;
}

interface Cause {
  readonly pattern: RegExp;
  /** Completes a sentence; `%` is the host. */
  readonly message: string;
  readonly hint: string;
}

/** What OpenSSH and rsync print (they do not translate it), the most telling first. */
const causes: readonly Cause[] = [
  {
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    message: '% shows another host key than the one that is known here',
    hint: 'Somebody may listen in. Compare the fingerprint with that of the server; if the server is a new one, forget the old key with `ssh-keygen -R` and connect once with `ssh`.',
  },
  {
    pattern: /Host key verification failed|No \S+ host key is known/,
    message: 'the host key of % is not known here',
    hint: 'Connect once with `ssh`, compare the fingerprint and accept it, or add the key to ~/.ssh/known_hosts. Nobody is asked here.',
  },
  {
    pattern: /Permission denied \([a-z,-]+\)|Too many authentication failures/,
    message: '% takes none of our keys',
    hint: 'Add the public key there with `ssh-copy-id`. Passwords and passphrases are not asked for: keep such a key in ssh-agent.',
  },
  {
    pattern: /Could not resolve hostname/,
    message: '% has no address',
    hint: 'Check the name of the host.',
  },
  {
    pattern: /connect to host .* port|Connection timed out|No route to host/,
    message: '% cannot be reached',
    hint: 'Check host and port (server.ssh_port, or Port in ~/.ssh/config), and that an SSH server runs there.',
  },
  {
    pattern: /No space left on device|Disk quota exceeded/,
    message: '% has no space left',
    hint: 'Make room on the server, and publish again.',
  },
  {
    pattern: /Permission denied|Read-only file system|Operation not permitted/,
    message: 'the user may not write there on %',
    hint: 'Give the user of the server the right to write to the folder.',
  },
  {
    pattern:
      /closed by remote host|Connection (?:to .* )?closed|reset by peer|Broken pipe|not responding|lost connection|unexpectedly closed|Connection closed/,
    message: 'the connection to % was lost',
    hint: 'Publish again: no file has got its name that is not whole.',
  },
];

const mostDetails = 5;

/** An error in words that help, for a program that did not end well. */
export function explainSshEnd({ program, host, exitCode, stderr }: SshEnd): OtaError {
  const cause = causes.find(({ pattern }) => pattern.test(stderr));
  const status = exitCode === undefined ? 'by a signal' : `with status ${exitCode}`;
  const ended = `${program} ended ${status}`;
  return new OtaError(
    'publish-failed',
    cause === undefined ? `${ended} at ${host}` : `${cause.message.replace('%', host)}: ${ended}`,
    {
      details: stderr
        .split('\n')
        .filter((text) => text.trim() !== '')
        .slice(-mostDetails)
        .map((text) => displayText(text.trimEnd())),
      hint: cause?.hint ?? 'Check that `ssh` reaches the host, and that it has a POSIX shell.',
    },
  );
}

/** Whether rsync ended because the server has none, or ours is one that lacks the options we need; scp does it then. */
export function cannotUseRsync({ exitCode, stderr }: SshEnd): boolean {
  if (exitCode === 1) return /\boption\b/.test(stderr); // RERR_SYNTAX
  const notFound =
    /rsync: (?:command )?not found|command not found: rsync|nknown command:? '?rsync/;
  return (exitCode === 12 || exitCode === 127) && notFound.test(stderr);
}
