import { OtaError } from '../../core/errors.ts';
import type { Io } from '../io.ts';

/** A passphrase is never a word of the command line: every user of the machine could read it there. */
export const passphraseOptions = {
  'passphrase-env': {
    type: 'string',
    describe: 'name of the variable with the passphrase of the key',
  },
  'passphrase-stdin': {
    type: 'boolean',
    default: false,
    describe: 'read the passphrase from standard input',
  },
} as const;

export interface PassphraseFlags {
  readonly 'passphrase-env': string | undefined;
  readonly 'passphrase-stdin': boolean;
}

/**
 * The passphrase, from where the flags say; `undefined` without them.
 *
 * @throws OtaError `usage`, `key-passphrase` when the variable is not set
 */
export async function readPassphrase(flags: PassphraseFlags, io: Io): Promise<string | undefined> {
  const name = flags['passphrase-env'];
  if (flags['passphrase-stdin']) {
    if (name === undefined) return (await io.readStdin()).replace(/\r?\n$/, '');
    throw new OtaError(
      'usage',
      'the passphrase comes from --passphrase-env or --passphrase-stdin',
      {
        hint: 'Give one of the two.',
      },
    );
  }
  if (name === undefined) return;
  const value = io.env[name];
  if (value !== undefined && value !== '') return value;
  throw new OtaError('key-passphrase', `the variable ${name} is not set`, {
    hint: `Set ${name} to the passphrase of the key.`,
  });
}
