import { createHash } from 'node:crypto';
import { OtaError } from '../../core/errors.ts';
import type { PublicKey } from '../../core/signing/key.ts';
import { verifyBytes } from '../../core/signing/sign-bytes.ts';
import type { Signer } from '../../core/signing/sign-release.ts';
import {
  fillDigest,
  parseSignerCommand,
  readSignerOutput,
} from '../../core/signing/signer-command.ts';

export interface CommandSignerOptions {
  /** Program and arguments, with `{digest}` among them. */
  readonly command: string;
  readonly publicKey: PublicKey;
  readonly timeoutMs: number;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** More than any form of a signature. */
const largestOutputBytes = 16 * 1024;

/**
 * A signer that runs a command: for keys in a card, a token or a service, which never leave it. The command gets a
 * SHA-256 and prints the signature. There is no shell in between.
 *
 * @throws OtaError `usage`, `key-unsupported` (Ed25519 signs whole files, not digests: RFC 8032 §5.1)
 */
export function createCommandSigner(options: CommandSignerOptions): Signer {
  const words = parseSignerCommand(options.command);
  const { publicKey } = options;
  if (publicKey.algorithm === 'ed25519') {
    throw new OtaError(
      'key-unsupported',
      'an external signer gets a digest, and Ed25519 cannot sign one',
      {
        hint: 'Use an ECDSA P-256 or RSA key in the external signer, or an Ed25519 key from a file.',
      },
    );
  }
  return {
    publicKey,
    async sign(bytes) {
      const digest = createHash('sha256').update(bytes).digest('hex');
      const output = await run(fillDigest(words, digest), options);
      const signature = readSignerOutput(output).find((form) =>
        verifyBytes(publicKey, bytes, form),
      );
      if (signature !== undefined) return signature;
      throw failure(
        words,
        `gave ${output.length} bytes that are no signature of the key ${publicKey.id}`,
      );
    },
  };
}

async function run(words: readonly string[], options: CommandSignerOptions): Promise<Uint8Array> {
  const { execa } = await import('execa');
  const [program = '', ...args] = words;
  // Not AbortSignal.any over AbortSignal.timeout: Node 20 may collect the inner signal, and it never fires.
  const stop = new AbortController();
  const deadline = stop.signal;
  const abort = (): void => stop.abort();
  const timer = setTimeout(abort, options.timeoutMs);
  if (options.signal.aborted) abort();
  options.signal.addEventListener('abort', abort, { once: true });
  const subprocess = execa(program, args, {
    cwd: options.cwd,
    env: options.env,
    extendEnv: false,
    stdin: 'ignore',
    encoding: 'buffer',
    maxBuffer: largestOutputBytes,
    stripFinalNewline: false,
    reject: false,
    cancelSignal: deadline,
    forceKillAfterDelay: 500,
  });
  deadline.addEventListener('abort', () => {
    // A grandchild may hold the pipes open long after its parent was killed.
    subprocess.stdout.destroy();
    subprocess.stderr.destroy();
  });
  const result = await subprocess.finally(() => {
    clearTimeout(timer);
    options.signal.removeEventListener('abort', abort);
  });
  if (options.signal.aborted) throw new OtaError('cancelled', 'cancelled while signing');
  if (deadline.aborted) throw failure(words, `gave no answer within ${options.timeoutMs / 1000} s`);
  if (result.isMaxBuffer) throw failure(words, `printed more than ${largestOutputBytes} bytes`);
  if (result.failed) throw failure(words, endOf(result), Buffer.from(result.stderr).toString());
  return result.stdout;
}

function endOf({
  exitCode,
  signal,
  code,
}: {
  exitCode?: number | undefined;
  signal?: string | undefined;
  code?: string | undefined;
}): string {
  if (exitCode !== undefined) return `ended with status ${exitCode}`;
  return signal === undefined ? `could not be started (${code})` : `was ended by ${signal}`;
}

/** Shows the program's name and what it wrote to stderr; not its arguments, which may hold a PIN. */
function failure(words: readonly string[], what: string, stderr = ''): OtaError {
  const details = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .slice(-5);
  return new OtaError('signer-failed', `the signer ${words[0]} ${what}`, {
    details,
    hint: 'Run the command by hand with a digest of your own. It must print the signature of that SHA-256 only.',
  });
}
