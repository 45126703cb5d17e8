import { cancelledError, OtaError } from '../../core/errors.ts';
import { explainSshEnd, type SshEnd } from '../../core/publishing/ssh-failure.ts';

/** A server, and how its programs are started. */
export interface SshSession {
  /** `user@host`. */
  readonly host: string;
  readonly port?: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface SshCall {
  readonly program: string;
  readonly words: readonly string[];
  /** For its standard input; without it there is none, so that nobody is asked for anything. */
  readonly input?: string;
}

/**
 * Runs ssh, scp or rsync to its end, whatever that is.
 *
 * @throws OtaError `cancelled`
 */
export async function runSshProgram(
  { host, env }: SshSession,
  { program, words, input }: SshCall,
  signal: AbortSignal,
): Promise<SshEnd | 'missing'> {
  const { execa } = await import('execa');
  const result = await execa(program, [...words], {
    env: env as Record<string, string>,
    extendEnv: false,
    ...(input === undefined ? { stdin: 'ignore' } : { input }),
    cancelSignal: signal,
    reject: false,
  });
  if (signal.aborted) throw cancelledError();
  if (result.code === 'ENOENT') return 'missing';
  return { program, host, exitCode: result.exitCode, stderr: result.stderr };
}

/**
 * Runs a program that must end well.
 *
 * @throws OtaError `publish-failed`, `program-missing`, `cancelled`
 */
export async function endSshProgram(
  session: SshSession,
  call: SshCall,
  signal: AbortSignal,
): Promise<void> {
  const ended = await runSshProgram(session, call, signal);
  if (ended === 'missing') {
    throw new OtaError('program-missing', `${call.program} is not installed`, {
      hint: 'Install OpenSSH (ssh and scp); rsync is used where both sides have it.',
    });
  }
  if (ended.exitCode !== 0) throw explainSshEnd(ended);
}
