import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ProjectDescription,
  parseProjectDescription,
} from '../core/build/project-description.ts';
import { OtaError } from '../core/errors.ts';
import type { Transport } from '../core/release/delivery.ts';
import type { RootManifest } from '../core/release/manifest.ts';
import { completeGitignore, createManifest } from '../core/release/new-manifest.ts';
import { didYouMeanSuffix } from '../core/schema.ts';
import { changeFiles, stageBytes } from '../workspace/changes/file-change.ts';
import { stageJson } from '../workspace/changes/json-write.ts';
import { withLock } from '../workspace/changes/lock.ts';
import { fileExists } from '../workspace/changes/new-file.ts';
import { isBuildFolder } from '../workspace/firmware/build-folder.ts';
import { readJsonFile } from '../workspace/json-file.ts';

export interface InitOptions {
  /** Absolute path of the workspace to make. */
  readonly folder: string;
  /** A build folder that answers what the flags do not say. */
  readonly buildFolder?: string;
  readonly name?: string;
  readonly hardware?: readonly string[];
  readonly project?: string;
  /** Transports to write a channel for, to be edited. */
  readonly protocols: readonly string[];
  readonly transports: readonly Transport[];
}

export interface InitResult {
  readonly manifest: RootManifest;
  /** Absolute paths of what was written. */
  readonly files: readonly string[];
}

/**
 * Makes the workspace of a new product: the root manifest and a .gitignore. Asks nothing, overwrites nothing.
 *
 * @throws OtaError `usage` when nothing says the product's name, `build-missing`, `build-invalid`,
 *   `transport-unknown`, `name-invalid`, `file-exists`, `write-failed`
 */
export async function initWorkspace(options: InitOptions): Promise<InitResult> {
  const build = await readDescription(options.buildFolder);
  const name = options.name ?? build?.projectName;
  if (name === undefined) {
    throw new OtaError('usage', 'the product needs a name', {
      hint: 'Give --name, or --build-dir with a build to take it from.',
    });
  }
  const project = options.project ?? build?.projectName;
  const manifest = createManifest({
    name,
    hardware: options.hardware ?? (build?.target === undefined ? [] : [build.target]),
    ...(project !== undefined && { project }),
    channels: exampleChannels(options),
  });
  const manifestPath = join(options.folder, 'manifest.json');
  if (await isThere(manifestPath)) throw fileExists(manifestPath);
  const files = await withLock(manifestPath, (requireHeld) =>
    write(options.folder, manifestPath, manifest, requireHeld),
  );
  return { manifest, files };
}

async function write(
  folder: string,
  manifestPath: string,
  manifest: RootManifest,
  requireHeld: () => void,
): Promise<string[]> {
  if (await isThere(manifestPath)) throw fileExists(manifestPath);
  const ignorePath = join(folder, '.gitignore');
  const ignore = completeGitignore(await readFile(ignorePath, 'utf8').catch(() => ''));
  await changeFiles(async (change) => {
    await stageJson(change, manifestPath, manifest);
    if (ignore !== undefined) await stageBytes(change, ignorePath, ignore);
    requireHeld();
  });
  return [manifestPath, ...(ignore === undefined ? [] : [ignorePath])];
}

/** @throws OtaError `build-missing` when a folder is given that is none */
async function readDescription(
  folder: string | undefined,
): Promise<ProjectDescription | undefined> {
  if (folder === undefined) return;
  const path = join(folder, 'project_description.json');
  const nested = await isBuildFolder(join(folder, 'build'));
  const hint = nested
    ? `Give the build folder itself: ${join(folder, 'build')}.`
    : 'Build first (`idf.py build`), and give the build folder.';
  return parseProjectDescription(await readJsonFile(path, 'build-missing', hint), path);
}

function exampleChannels({ protocols, transports }: InitOptions) {
  const names = transports.map((transport) => transport.name);
  return Object.fromEntries(
    protocols.map((name) => {
      const transport = transports.find((candidate) => candidate.name === name);
      if (transport !== undefined) return [name, transport.example];
      throw new OtaError(
        'transport-unknown',
        `there is no transport "${name}"${didYouMeanSuffix(name, names)}`,
        { hint: `--protocols takes ${names.join(', ')}.` },
      );
    }),
  );
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
