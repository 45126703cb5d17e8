import { relative } from 'node:path';
import {
  type GeneratedKey,
  generateKey,
  type KeyKind,
  keyKinds,
} from '../../workflows/signing/keygen.ts';
import { defineCommand } from '../command.ts';
import { type Io, line, writeJson } from '../io.ts';
import { absolute, jsonOption, optional, verboseOption } from '../options/options.ts';
import { passphraseOptions, readPassphrase } from '../options/passphrase.ts';

export const keygenCommand = defineCommand({
  examples: [
    ['ota keygen', 'a key pair for ECDSA on P-256, which every ESP32 can check'],
    [
      'ota keygen --out keys/2027.pem --passphrase-env KEY_PASSPHRASE',
      'an encrypted key under another name',
    ],
  ],
  options: (yargs) =>
    yargs.options({
      out: {
        type: 'string',
        normalize: true,
        default: 'ota-signing.pem',
        describe: 'the private key; the public one goes beside it, as .pub.pem',
      },
      algorithm: {
        choices: Object.keys(keyKinds) as KeyKind[],
        default: 'ecdsa-p256' as KeyKind,
        describe: 'kind of the key',
      },
      ...passphraseOptions,
      ...jsonOption,
      ...verboseOption,
    }),
  async run(args, io) {
    const generated = await generateKey({
      kind: args.algorithm,
      path: absolute(io, args.out),
      ...optional('passphrase', await readPassphrase(args, io)),
    });
    if (args.json) writeJson(io.stdout, toJson(generated));
    else render(generated, io);
    return 0;
  },
});

function trustedEntry({ publicKey, publicPem }: GeneratedKey): object {
  return { id: publicKey.id, public_key: publicPem };
}

function toJson(generated: GeneratedKey): object {
  return {
    ok: true,
    key_id: generated.publicKey.id,
    algorithm: generated.publicKey.algorithm,
    private_key_path: generated.privatePath,
    public_key_path: generated.publicPath,
    trusted_key: trustedEntry(generated),
  };
}

function render(generated: GeneratedKey, io: Io): void {
  const { publicKey, privatePath, publicPath } = generated;
  line(io.stdout, `made the key ${publicKey.id} (${publicKey.algorithm})`);
  line(
    io.stdout,
    `  private: ${relative(io.cwd, privatePath)}, for its owner only; keep it out of git`,
  );
  line(io.stdout, `  public:  ${relative(io.cwd, publicPath)}`);
  line(io.stdout, 'To trust it, add this to product.signing.keys in the root manifest:');
  line(io.stdout, `  ${JSON.stringify(trustedEntry(generated))}`);
}
