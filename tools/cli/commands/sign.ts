import { relative } from 'node:path';
import { OtaError } from '../../core/errors.ts';
import { loadSigners, type SignerSources } from '../../workflows/signing/load-signers.ts';
import { type SignResult, signVersion } from '../../workflows/signing/sign.ts';
import { defineCommand } from '../command.ts';
import { type Io, line, writeJson } from '../io.ts';
import {
  absolute,
  jsonOption,
  numberBetween,
  optional,
  readWorkspace,
  verboseOption,
  workspaceOptions,
} from '../options/options.ts';
import { passphraseOptions, readPassphrase } from '../options/passphrase.ts';

export const signCommand = defineCommand({
  examples: [
    ['ota sign --version 1.2.3 --key keys/release.pem', 'sign a release and its artifacts'],
    [
      'ota sign --version latest --key keys/release.pem --key keys/2027.pem --passphrase-env KEY_PASSPHRASE',
      'with the old and the new key: the bridge of a rotation',
    ],
    [
      "ota sign --version 1.2.3 --signer 'node sign-in-service.mjs {digest}' --public-key keys/service.pub.pem",
      'with a key that stays in a token or a service',
    ],
  ],
  options: (yargs) =>
    yargs.options({
      ...workspaceOptions,
      version: { type: 'string', demandOption: true, describe: 'version id, or latest' },
      key: {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        describe: 'private key, a PEM file (repeatable)',
      },
      'key-env': {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        describe: 'name of a variable with a private key (repeatable)',
      },
      ...passphraseOptions,
      signer: {
        type: 'string',
        implies: 'public-key',
        describe: 'command that signs {digest} and prints the signature',
      },
      'public-key': {
        type: 'string',
        normalize: true,
        implies: 'signer',
        describe: "the signer's public key, a PEM file",
      },
      'signer-timeout': {
        type: 'number',
        default: 60,
        describe: 'seconds for each signature of the signer',
      },
      ...jsonOption,
      ...verboseOption,
    }),
  async run(args, io) {
    const signers = await loadSigners({
      keyFiles: args.key.map((path) => absolute(io, path)),
      keyVariables: args['key-env'],
      ...optional('passphrase', await readPassphrase(args, io)),
      ...optional('command', toCommand(args, io)),
      cwd: io.cwd,
      env: io.env,
      signal: io.signal,
    });
    if (signers.length === 0) {
      throw new OtaError('usage', 'there is no key to sign with', {
        hint: 'Give --key, --key-env, or --signer with --public-key. `ota keygen` makes a key.',
      });
    }
    const result = await signVersion({
      ...readWorkspace(args, io),
      version: args.version,
      signers,
      now: io.now(),
    });
    if (args.json) writeJson(io.stdout, toJson(result));
    else render(result, io);
    return 0;
  },
});

function toCommand(
  args: { signer: string | undefined; 'public-key': string | undefined; 'signer-timeout': number },
  io: Io,
): SignerSources['command'] {
  const { signer: words, 'public-key': publicKey } = args;
  if (words === undefined || publicKey === undefined) return;
  const seconds = numberBetween('signer-timeout', args['signer-timeout'], 0.001, 3600);
  return { words, publicKeyFile: absolute(io, publicKey), timeoutMs: seconds * 1000 };
}

function toJson({ release, releasePath, signaturePaths, added, kept }: SignResult): object {
  const keys = (list: SignResult['added']) =>
    list.map(({ id, algorithm }) => ({ key_id: id, algorithm }));
  return {
    ok: true,
    version: release.version,
    release_path: releasePath,
    added: keys(added),
    kept: keys(kept),
    signature_files: signaturePaths,
  };
}

function render({ release, releasePath, signaturePaths, added, kept }: SignResult, io: Io): void {
  for (const { id, algorithm } of added) {
    line(io.stdout, `signed: version ${release.version} with the key ${id} (${algorithm})`);
  }
  for (const { id } of kept) {
    line(io.stdout, `signed before: version ${release.version} with the key ${id}`);
  }
  const changed = [...signaturePaths, ...(added.length > 0 ? [releasePath] : [])];
  for (const path of changed) line(io.stdout, `  write ${relative(io.cwd, path)}`);
}
