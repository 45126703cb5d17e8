import { OtaError } from '../../core/errors.ts';
import { parsePrivateKey, parsePublicKey, type SigningKey } from '../../core/signing/key.ts';
import { signBytes } from '../../core/signing/sign-bytes.ts';
import type { Signer } from '../../core/signing/sign-release.ts';
import { readKeyText } from '../../workspace/signing/key-file.ts';
import { createCommandSigner } from './command-signer.ts';

/** Where the keys to sign with come from; at least one of them. */
export interface SignerSources {
  /** Absolute paths of PEM files. */
  readonly keyFiles: readonly string[];
  /** Names of environment variables that hold PEM. */
  readonly keyVariables: readonly string[];
  /** Opens every key that is encrypted. */
  readonly passphrase?: string;
  readonly command?: {
    readonly words: string;
    /** Absolute path of the PEM file that the answers are checked with. */
    readonly publicKeyFile: string;
    readonly timeoutMs: number;
  };
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/**
 * Opens all keys before anything is signed, so that the last one's wrong passphrase leaves nothing half done.
 *
 * @throws OtaError `key-unreadable`, `key-invalid`, `key-unsupported`, `key-passphrase`, `usage`
 */
export async function loadSigners(sources: SignerSources): Promise<Signer[]> {
  const signers: Signer[] = [];
  for (const path of sources.keyFiles) {
    signers.push(toSigner(parsePrivateKey(await readKeyText(path), sources.passphrase, path)));
  }
  for (const name of sources.keyVariables) {
    const text = readVariable(sources, name);
    signers.push(toSigner(parsePrivateKey(text, sources.passphrase, `the variable ${name}`)));
  }
  if (sources.command !== undefined) {
    const { words, publicKeyFile, timeoutMs } = sources.command;
    const publicKey = parsePublicKey(await readKeyText(publicKeyFile), publicKeyFile);
    signers.push(createCommandSigner({ ...sources, command: words, publicKey, timeoutMs }));
  }
  return signers;
}

function toSigner(key: SigningKey): Signer {
  return { publicKey: key.publicKey, sign: async (bytes) => signBytes(key, bytes) };
}

function readVariable({ env }: SignerSources, name: string): string {
  const value = env[name];
  if (value !== undefined && value !== '') return value;
  throw new OtaError('key-unreadable', `the variable ${name} holds no key`, {
    hint: `Set ${name} to the text of the PEM file.`,
  });
}
