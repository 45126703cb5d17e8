import { dirname, join, relative } from 'node:path';
import { parseAssignments } from '../../core/release/assignment.ts';
import { transports } from '../../transports/index.ts';
import type { SignerSources } from '../../workflows/load-signers.ts';
import { type PackageResult, packageBinary } from '../../workflows/package.ts';
import { defineCommand } from '../command.ts';
import { type Io, line, writeJson } from '../io.ts';
import { readNotes } from '../notes.ts';
import {
  absolute,
  jsonOption,
  manifestOption,
  optional,
  outputOption,
  setOption,
  splitList,
  verboseOption,
} from '../options.ts';
import { type PassphraseFlags, passphraseOptions, readPassphrase } from '../passphrase.ts';
import { formatBytes } from '../render.ts';
import { sourceDate } from '../source-date.ts';

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
      ...manifestOption,
      binary: {
        type: 'string',
        normalize: true,
        demandOption: true,
        describe: 'firmware image of the build',
      },
      version: { type: 'string', demandOption: true, describe: 'version id, such as 1.2.3' },
      project: { type: 'string', describe: "artifact name; default the product's name" },
      ...outputOption,
      'artifact-name': { type: 'string', describe: 'file name; default <project>-<version>.bin' },
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
      manifestPath: absolute(io, args.manifest),
      binaryPath: absolute(io, args.binary),
      version: args.version,
      overrides: parseAssignments(args.set),
      updateManifest: args['update-manifest'],
      dryRun: args['dry-run'],
      transports,
      now: sourceDate(io),
      ...optional('project', args.project),
      ...optional('artifactName', args['artifact-name']),
      ...optional('label', args.label),
      ...optional('minVersion', args['min-version']),
      ...optional('notes', await readNotes(args, io)),
      ...optional('signWith', await signerSources(args, io)),
      ...optional('protocols', splitList(args.protocols)),
      ...optional(
        'outputFolder',
        args.output === undefined ? undefined : absolute(io, args.output),
      ),
    });
    if (args.json) writeJson(io.stdout, packageJson(result));
    else renderPackage(result, io);
    return 0;
  },
});

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

function packageJson(result: PackageResult): object {
  const { plan, dryRun, signed } = result;
  return {
    ok: true,
    dry_run: dryRun,
    outcome: plan.outcome,
    version: plan.release.version,
    artifact_path: result.artifactPath,
    release_path: result.releasePath,
    manifest_path: result.manifestPath,
    manifest_updated: plan.manifest !== undefined,
    release: signed?.release ?? plan.release,
    ...(signed && { signature_files: [...signed.files.keys()] }),
  };
}

const outcomeWords = {
  created: 'packaged',
  replaced: 'replaced',
  unchanged: 'unchanged',
} as const;

function renderPackage(result: PackageResult, io: Io): void {
  const { plan, dryRun, signed } = result;
  const { version } = plan.release;
  const show = (path: string): string => relative(io.cwd, path) || '.';
  const prefix = dryRun ? '[dry-run] ' : '';
  const say = (words: string): void => line(io.stdout, `${prefix}${words}`);
  const facts = `${formatBytes(plan.artifact.size)}, SHA-256 ${plan.artifact.sha256}`;
  say(`${dryRun ? 'would be ' : ''}${outcomeWords[plan.outcome]}: version ${version} (${facts})`);
  if (plan.writeArtifact) say(`  write ${show(result.artifactPath)}`);
  for (const name of signed?.files.keys() ?? []) {
    say(`  write ${show(join(dirname(result.releasePath), name))}`);
  }
  if (plan.writeRelease || (signed?.added.length ?? 0) > 0) {
    say(`  write ${show(result.releasePath)}`);
  }
  for (const { id } of signed?.added ?? []) say(`  sign it with the key ${id}`);
  for (const name of plan.obsolete) say(`  remove ${name} of the former release`);
  if (plan.manifest !== undefined) say(`  list it in ${show(result.manifestPath)}`);
}
