import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OtaError } from '../../core/errors.ts';
import { parseAppDescriptor } from '../../core/image/esp/app-descriptor.ts';
import {
  type PublishFile,
  type PublishTarget,
  planPublishFiles,
} from '../../core/publishing/publish-target.ts';
import {
  buildVersionFile,
  firmwareName,
  type VersionFile,
} from '../../core/publishing/version-file.ts';
import { versionIdProblem } from '../../core/version.ts';
import { readBinary } from '../../workspace/firmware/binary.ts';
import { versionFromGit } from '../packaging/build-version.ts';
import { requireSignedBinary } from '../signing/signed-binary.ts';
import { publishToFolder } from './folder.ts';
import { publishOverHttps } from './https.ts';
import { publishOverSsh } from './ssh.ts';

export interface PublishOptions {
  readonly target: PublishTarget;
  readonly binaryPath: string;
  /** Default: what the image says of itself. */
  readonly version?: string;
  readonly description?: string;
  readonly minVersion?: string;
  readonly forceUpdate: boolean;
  readonly signature?: string;
  /** Root manifests whose rule about signatures holds: for a file that comes without its release. */
  readonly manifestPaths: readonly string[];
  /** Names beside the immutable one. */
  readonly aliasName: string;
  readonly versionName: string;
  /** The folder of version.json on a server, when it is another than the firmware's. */
  readonly versionFolder?: string;
  readonly ssh: { readonly port?: number };
  readonly https: {
    readonly username?: string;
    readonly password?: string;
    readonly ca?: string;
    readonly verify: boolean;
    readonly cwd: string;
  };
  readonly dryRun: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/** What is going to be published, decided before anything is touched. */
export interface Publication {
  readonly options: PublishOptions;
  readonly files: readonly PublishFile[];
  readonly versionFile: VersionFile;
  readonly versionText: string;
  readonly versionSha256: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

export interface PublishResult {
  readonly version: string;
  /** What a device that runs the image calls itself. */
  readonly reportedVersion: string;
  readonly files: readonly string[];
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly warnings: readonly string[];
}

/**
 * Publishes a firmware for devices that pull: the firmware under a name that never changes its meaning, then
 * `firmware.bin`, then `version.json`. Whoever reads sees the old version or the new one, never a mixture.
 *
 * @throws OtaError for a missing binary, one that is not signed where it must be, a version that nobody knows, or a
 *   target that refuses
 */
export async function publish(options: PublishOptions): Promise<PublishResult> {
  const { sizeBytes, sha256 } = await readBinary(options.binaryPath);
  const said = await versionOfImage(options.binaryPath);
  const version = options.version ?? said ?? (await versionFromGit(dirname(options.binaryPath)));
  const flaw = versionIdProblem(version);
  if (flaw !== undefined) {
    throw new OtaError('version-invalid', `the version ${JSON.stringify(version)} ${flaw}`, {
      hint: 'Give another one with --version.',
    });
  }
  const binary = { path: options.binaryPath, sha256 };
  const found = await requireSignedBinary(binary, options.manifestPaths, options.now());
  const signature = options.signature ?? found;
  const publication = planPublication(options, { version, sizeBytes, sha256, signature });
  if (!options.dryRun) await apply(publication);
  const other = said !== undefined && said !== version;
  return {
    version,
    reportedVersion: said ?? version,
    files: publication.files.map(({ name }) => name),
    sizeBytes,
    sha256,
    warnings: other
      ? [`the image calls itself ${said}: that is what devices will report, not ${version}`]
      : [],
  };
}

interface PublishedImage {
  readonly version: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Base64. */
  readonly signature: string | undefined;
}

function planPublication(options: PublishOptions, image: PublishedImage): Publication {
  const { description, minVersion } = options;
  const { version, sizeBytes, sha256, signature } = image;
  const versionFile = buildVersionFile({
    version,
    builtAt: options.now(),
    ...(description === undefined ? {} : { description }),
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(signature === undefined ? {} : { signature }),
    forceUpdate: options.forceUpdate,
    sizeBytes,
    sha256,
  });
  const versionText = `${JSON.stringify(versionFile, null, 2)}\n`;
  return {
    options,
    files: planPublishFiles(firmwareName(version, sha256), options.aliasName, options.versionName),
    versionFile,
    versionText,
    versionSha256: createHash('sha256').update(versionText).digest('hex'),
    sizeBytes,
    sha256,
  };
}

async function apply(publication: Publication): Promise<void> {
  const { target } = publication.options;
  if (target.kind === 'folder') return await publishToFolder(publication, target.path);
  if (target.kind === 'ssh') return await publishOverSsh(publication, target);
  return await publishOverHttps(publication, target.url);
}

/** The version in the app descriptor, which is what a device reports when it runs the image. */
async function versionOfImage(path: string): Promise<string | undefined> {
  const file = await open(path);
  try {
    const head = Buffer.alloc(512);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    const version = parseAppDescriptor(head.subarray(0, bytesRead))?.version;
    return version === '' ? undefined : version;
  } finally {
    await file.close();
  }
}
