import { posix, resolve } from 'node:path';
import { OtaError } from '../../core/errors.ts';
import { uploadTarget } from '../../core/fleet/commands/deploy-config.ts';
import { type PublishTarget, parsePublishTarget } from '../../core/publishing/publish-target.ts';
import { maskUrlCredentials } from '../../core/secrets.ts';
import { commandFleet } from '../../workflows/command.ts';
import type { LoadedConfig } from '../../workflows/deploy-config.ts';
import { versionFromFile } from '../../workflows/packaging/build-version.ts';
import { findArtifact } from '../../workflows/packaging/find-artifact.ts';
import { type PublishResult, publish } from '../../workflows/publishing/publish.ts';
import { manifestsInReach } from '../../workflows/signing/signed-binary.ts';
import { defineCommand } from '../command.ts';
import { type Io, line, writeJson } from '../io.ts';
import { audienceOptions, fleetOptions, readFleetConfig } from '../options/fleet-options.ts';
import {
  absolute,
  jsonOption,
  numberBetween,
  optional,
  readWorkspace,
  splitList,
  verboseOption,
  workspaceOptions,
} from '../options/options.ts';
import { formatBytes } from '../render.ts';
import { commandResultJson, renderCommandResult, sayCommandEvent } from '../views/fleet-view.ts';

export const publishCommand = defineCommand({
  examples: [
    ['ota publish --version 1.2.3 --to www', 'a release, into a folder or to pi@nas:/var/www'],
    ['ota publish --config ota_deploy_config.json --command update', 'the build, then update'],
    ['ota publish --binary build/gateway.bin --to www --dry-run', 'a file; say what would be done'],
  ],
  options: (yargs) =>
    yargs.options({
      ...fleetOptions,
      ...workspaceOptions,
      version: { type: 'string', describe: 'of a release, or over what the image says' },
      binary: { type: 'string', normalize: true, describe: 'a firmware file, not a release' },
      artifact: { type: 'string', describe: 'the artifact of the release, when it has several' },
      to: { type: 'string', describe: 'a folder, user@host:folder or an https URL' },
      description: { type: 'string', describe: 'for version.json' },
      'min-version': { type: 'string', describe: 'what devices must run before (default 1.0.0)' },
      command: {
        choices: ['update', 'check'] as const,
        describe: 'afterwards, tell the devices',
      },
      ...audienceOptions,
      force: { type: 'boolean', default: false, describe: 'devices install what is not newer' },
      wait: { type: 'boolean', default: true, describe: 'follow the devices to their end' },
      timeout: { type: 'number', describe: 'seconds without progress to give a device up' },
      'dry-run': { type: 'boolean', default: false, describe: 'say what would be published' },
      ...jsonOption,
      ...verboseOption,
    }),
  async run(args, io) {
    const usesConfig =
      args.config !== undefined || args.to === undefined || args.command !== undefined;
    const loaded = usesConfig ? await readFleetConfig(io, args) : undefined;
    const source = await chooseSource(io, args, loaded);
    const target = chooseTarget(io, args.to, loaded);
    const names = namesOf(loaded);
    const server = loaded?.config.server;
    const result = await publish({
      target,
      binaryPath: source.path,
      ...optional('version', source.version),
      ...optional(
        'description',
        args.description ?? source.notes ?? loaded?.config.build.description,
      ),
      ...optional(
        'minVersion',
        args['min-version'] ?? source.minVersion ?? loaded?.config.build.min_version,
      ),
      ...optional('signature', source.signature),
      manifestPaths: source.manifestPaths,
      forceUpdate: args.force,
      ...names,
      ...optional(
        'versionFolder',
        args.to === undefined && server?.upload === undefined && server !== undefined
          ? posix.dirname(server.version_path)
          : undefined,
      ),
      ssh: optional('port', server?.ssh_port),
      https: {
        ...credentialsFor(target, loaded),
        ...optional('ca', server?.ca),
        verify: server?.verify_ssl ?? true,
        cwd: loaded?.folder ?? io.cwd,
      },
      dryRun: args['dry-run'],
      env: io.env,
      now: io.now,
      random: io.random,
      signal: io.signal,
    });
    if (!args.json) line(io.stdout, renderPublished(result, target, args['dry-run']));
    const action = args['dry-run'] ? undefined : args.command;
    if (action === undefined || loaded === undefined) {
      if (args.json) writeJson(io.stdout, { ok: true, published: jsonOf(result) });
      return 0;
    }
    return await commandAfterwards(io, args, action, loaded, result);
  },
});

interface Words {
  readonly manifest: string;
  readonly output: string | undefined;
  readonly version: string | undefined;
  readonly binary: string | undefined;
  readonly artifact: string | undefined;
  readonly device: readonly string[];
  readonly group: readonly string[];
  readonly all: boolean;
  readonly force: boolean;
  readonly wait: boolean;
  readonly timeout: number | undefined;
  readonly json: boolean;
}

/** A firmware file, with what its release says of it when it comes from one. */
interface Source {
  readonly path: string;
  readonly version?: string;
  readonly minVersion?: string | undefined;
  readonly notes?: string | undefined;
  readonly signature?: string | undefined;
  readonly manifestPaths: readonly string[];
}

/** `--binary`, else the build of the configuration, else a release of the manifest. */
async function chooseSource(
  io: Io,
  args: Words & { readonly config: string | undefined },
  loaded: LoadedConfig | undefined,
): Promise<Source> {
  const given =
    args.manifest === workspaceOptions.manifest.default ? undefined : absolute(io, args.manifest);
  const bare = async (path: string, version: string | undefined): Promise<Source> => ({
    path,
    ...optional('version', version),
    manifestPaths: await manifestsInReach(path, io.cwd, given),
  });
  if (args.binary !== undefined) return await bare(absolute(io, args.binary), args.version);
  if (args.config !== undefined && loaded !== undefined) {
    const version = args.version ?? (await versionFromFile(loaded));
    return await bare(resolve(loaded.folder, loaded.config.build.firmware_path), version);
  }
  const found = await findArtifact({
    ...readWorkspace(args, io),
    now: io.now(),
    version: args.version ?? 'latest',
    ...optional('artifact', args.artifact),
  });
  // Its release was checked just now.
  return { ...found, signature: found.facts.signature, manifestPaths: [] };
}

function chooseTarget(
  io: Io,
  to: string | undefined,
  loaded: LoadedConfig | undefined,
): PublishTarget {
  if (to === undefined && loaded === undefined) throw new OtaError('usage', 'where to? Give --to');
  const text = to ?? uploadTarget((loaded as LoadedConfig).config);
  const target = parsePublishTarget(text);
  if (target.kind !== 'folder') return target;
  const base = to === undefined ? (loaded?.folder ?? io.cwd) : io.cwd;
  return { kind: 'folder', path: resolve(base, target.path) };
}

/** Those of the configuration, for the server that it names: `--to` may lead to another. */
function credentialsFor(
  target: PublishTarget,
  loaded: LoadedConfig | undefined,
): { username?: string; password?: string } {
  if (target.kind !== 'https' || loaded === undefined) return {};
  const { upload = '', base_url, username, password } = loaded.config.server;
  const own = [upload, base_url].filter((text) => URL.canParse(text)).map((text) => new URL(text));
  const { origin } = new URL(target.url);
  return own.some((url) => url.origin === origin) ? { username, password } : {};
}

function namesOf(loaded: LoadedConfig | undefined): { aliasName: string; versionName: string } {
  const server = loaded?.config.server;
  return {
    aliasName: posix.basename(server?.firmware_path ?? 'firmware.bin'),
    versionName: posix.basename(server?.version_path ?? 'version.json'),
  };
}

async function commandAfterwards(
  io: Io,
  args: Words,
  action: 'update' | 'check',
  loaded: LoadedConfig,
  published: PublishResult,
): Promise<number> {
  const chosen = args.device.length + args.group.length > 0;
  const timeoutS =
    args.timeout === undefined ? undefined : numberBetween('timeout', args.timeout, 0.001, 86_400);
  const result = await commandFleet({
    loaded,
    action,
    audience: {
      devices: splitList(args.device) ?? [],
      groups: splitList(args.group) ?? [],
      all: args.all || !chosen,
    },
    force: args.force,
    version: published.reportedVersion,
    wait: args.wait,
    acceptReported: false,
    ...optional('timeoutMs', timeoutS === undefined ? undefined : timeoutS * 1000),
    now: () => io.now().getTime(),
    random: io.random,
    signal: io.signal,
    notify: (event) => sayCommandEvent(io, event),
  });
  if (args.json) {
    writeJson(io.stdout, {
      ...commandResultJson(action, result),
      published: jsonOf(published),
    });
  } else if (args.wait) line(io.stdout, renderCommandResult(result));
  if (result.cancelled) return 130;
  return result.ok ? 0 : 1;
}

function renderPublished(result: PublishResult, target: PublishTarget, dryRun: boolean): string {
  const where = target.kind === 'https' ? maskUrlCredentials(target.url) : target.path;
  const host = target.kind === 'ssh' ? `${target.host}:` : '';
  const prefix = dryRun ? '[dry-run] ' : '';
  return [
    `${dryRun ? '[dry-run] would publish' : 'published'} ${result.version} (${formatBytes(result.sizeBytes)}, SHA-256 ${result.sha256}) to ${host}${where}`,
    ...result.files.map((name) => `${prefix}  ${name}`),
    ...result.warnings.map((warning) => `warning: ${warning}`),
  ].join('\n');
}

function jsonOf(result: PublishResult): object {
  const { version, files, sizeBytes, sha256, warnings } = result;
  return { version, files, size: sizeBytes, sha256, warnings };
}
