import { parseAssignments } from '../../core/release/assignment.ts';
import type { Transport } from '../../core/release/delivery.ts';
import { packageBinary } from '../../workflows/packaging/package.ts';
import type { SignerSources } from '../../workflows/signing/load-signers.ts';
import { defineCommand } from '../command.ts';
import { type Io, writeJson } from '../io.ts';
import { readNotes } from '../options/notes.ts';
import {
  absolute,
  absoluteOrNone,
  jsonOption,
  optional,
  readWorkspace,
  setOption,
  splitList,
  verboseOption,
  workspaceOptions,
} from '../options/options.ts';
import { chooseBinary } from '../options/package-source.ts';
import { type PassphraseFlags, passphraseOptions, readPassphrase } from '../options/passphrase.ts';
import { sourceDate } from '../options/source-date.ts';
import { packageJson, renderPackage } from '../views/package-view.ts';

export const packageCommand = defineCommand({
  examples: [
    [
      'ota package --binary build/gateway.bin --version 1.2.3 --update-manifest',
      'package a build and list it in ota/manifest.json',
    ],
    [
      'ota package --binary build/gateway.bin --version 1.2.3 --dry-run',
      'show what would be written',
    ],
    [
      'ota package --binary build/gateway.bin --version 1.2.4 --sign-key keys/release.pem',
      'package and sign in one step',
    ],
    [
      'ota package --binary build/gateway.bin --version 1.3.0-rc.1 --set mqtt.topic=fleet/canary',
      'a release with a topic of its own',
    ],
  ],
  options: (yargs) =>
    yargs.options({
      ...workspaceOptions,
      binary: {
        type: 'string',
        normalize: true,
        describe: 'firmware image of the build',
      },
      'build-dir': {
        type: 'string',
        normalize: true,
        describe: 'build folder of ESP-IDF; binary and version come from it',
      },
      with: {
        type: 'string',
        array: true,
        implies: 'build-dir',
        describe:
          'parts of the build that go along: bootloader, partition-table, otadata, merged, …',
      },
      version: { type: 'string', describe: "version id, such as 1.2.3; default the build's" },
      project: { type: 'string', describe: "artifact name; default the product's name" },
      'artifact-name': { type: 'string', describe: 'file name; default <project>-<version>.bin' },
      'partition-table': {
        type: 'string',
        normalize: true,
        describe: "partition table of the devices (.bin or .csv); default the build's",
      },
      allow: {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: 'image checks that may fail, by name (docs/images.md)',
      },
      label: { type: 'string', describe: 'a few words for the root manifest' },
      notes: { type: 'string', conflicts: 'notes-file', describe: 'what is new, for people' },
      'notes-file': { type: 'string', normalize: true, describe: 'a file with the notes' },
      'min-version': {
        type: 'string',
        describe: 'oldest version that may update to this one directly',
      },
      protocols: {
        type: 'string',
        array: true,
        describe: "transports of the artifact; default the manifest's default_protocols",
      },
      ...setOption,
      'sign-key': {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        describe: 'sign with this private key, a PEM file (repeatable)',
      },
      'sign-key-env': {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        describe: 'sign with the private key in this variable (repeatable)',
      },
      ...passphraseOptions,
      'update-manifest': {
        type: 'boolean',
        default: false,
        describe: 'list the release in the root manifest',
      },
      'dry-run': { type: 'boolean', default: false, describe: 'show the plan, touch nothing' },
      ...jsonOption,
      ...verboseOption,
    }),
  async run(args, io) {
    const result = await packageBinary({
      ...(await chooseBinary(args, io)),
      ...readWorkspace(args, io),
      allow: splitList(args.allow) ?? [],
      overrides: parseAssignments(args.set),
      updateManifest: args['update-manifest'],
      dryRun: args['dry-run'],
      transports: await knownTransports(args.protocols),
      now: sourceDate(io),
      ...optional('partitionTablePath', absoluteOrNone(io, args['partition-table'])),
      ...optional('project', args.project),
      ...optional('artifactName', args['artifact-name']),
      ...optional('label', args.label),
      ...optional('minVersion', args['min-version']),
      ...optional('notes', await readNotes(args, io)),
      ...optional('signWith', await signerSources(args, io)),
      ...optional('protocols', splitList(args.protocols)),
    });
    if (args.json) writeJson(io.stdout, packageJson(result));
    else renderPackage(result, io);
    return 0;
  },
});

/** Only `--protocols` has to know them; they would load half of the network for an unchanged build. */
async function knownTransports(protocols: string[] | undefined): Promise<readonly Transport[]> {
  if (protocols === undefined) return [];
  return (await import('../../transports/index.ts')).transports;
}

/** The keys to sign with; `undefined` when the release stays unsigned. */
async function signerSources(
  args: PassphraseFlags & { 'sign-key': string[]; 'sign-key-env': string[] },
  io: Io,
): Promise<SignerSources | undefined> {
  const { 'sign-key': files, 'sign-key-env': keyVariables } = args;
  if (files.length + keyVariables.length === 0) return;
  return {
    keyFiles: files.map((path) => absolute(io, path)),
    keyVariables,
    ...optional('passphrase', await readPassphrase(args, io)),
    cwd: io.cwd,
    env: io.env,
    signal: io.signal,
  };
}
