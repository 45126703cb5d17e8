import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  type BuildFolder,
  type BuildPart,
  type ExpectedPart,
  expectedParts,
  joinBuild,
} from '../../core/build/build-folder.ts';
import { type FlasherArgs, parseFlasherArgs } from '../../core/build/flasher-args.ts';
import { parseProjectDescription } from '../../core/build/project-description.ts';
import {
  parseSdkconfigJson,
  parseSdkconfigText,
  type Sdkconfig,
} from '../../core/build/sdkconfig.ts';
import { OtaError } from '../../core/errors.ts';
import { parseImage } from '../../core/image/parse-image.ts';
import { resolveInside } from '../confine.ts';
import { readJsonFile } from '../json-file.ts';
import { readFirmwareBytes } from './firmware-bytes.ts';

const descriptionName = 'project_description.json';
const rebuild = 'Build again with `idf.py build`.';

/**
 * Reads what `idf.py build` left in a folder. No path inside its files is trusted: everything is looked for
 * relative to the folder that was given, and nothing outside of it is opened.
 *
 * @throws OtaError `build-missing`, `build-invalid`, `json-invalid`, `manifest-unreadable`, `binary-unreadable`
 */
export async function readBuildFolder(path: string): Promise<BuildFolder> {
  const folder = resolve(path);
  const description = join(folder, descriptionName);
  const hint = (await exists(join(folder, 'build', descriptionName)))
    ? `Give the build folder itself: ${join(path, 'build')}.`
    : 'Build first (`idf.py build`), and give the build folder.';
  const project = parseProjectDescription(
    await readJsonFile(description, 'build-missing', hint),
    description,
  );
  const flasher = await readFlasherArgs(folder);
  const parts: BuildPart[] = [];
  for (const part of expectedParts(project, flasher)) parts.push(await readPart(folder, part));
  return joinBuild({ folder, project, flasher, config: await readSdkconfig(folder), parts });
}

/** Whether a folder looks like the build folder of a project. */
export async function isBuildFolder(path: string): Promise<boolean> {
  return exists(join(path, descriptionName));
}

/** RAM apps and builds for Linux have none. */
async function readFlasherArgs(folder: string): Promise<FlasherArgs | undefined> {
  const path = join(folder, 'flasher_args.json');
  return (await exists(path))
    ? parseFlasherArgs(await readJsonFile(path, 'build-missing', rebuild), path)
    : undefined;
}

async function readSdkconfig(folder: string): Promise<Sdkconfig | undefined> {
  const json = join(folder, 'config', 'sdkconfig.json');
  if (await exists(json)) {
    return parseSdkconfigJson(await readJsonFile(json, 'build-missing', rebuild), json);
  }
  const path = join(folder, 'sdkconfig');
  if (!(await exists(path))) return undefined;
  return parseSdkconfigText(Buffer.from(await readFirmwareBytes(path)).toString('utf8'));
}

async function readPart(folder: string, part: ExpectedPart): Promise<BuildPart> {
  const path = await resolveInside([folder], folder, part.path);
  if (path === undefined) {
    return { ...part, state: 'outside', sizeBytes: undefined, image: undefined };
  }
  if (part.role === 'data') {
    const found = await stat(path).catch(() => undefined);
    const sizeBytes = found?.isFile() ? found.size : undefined;
    const state = sizeBytes === undefined ? 'missing' : 'present';
    return { ...part, state, sizeBytes, image: undefined };
  }
  try {
    const image = parseImage(await readFirmwareBytes(path));
    return { ...part, state: 'present', sizeBytes: image.sizeBytes, image };
  } catch (error) {
    if (!(error instanceof OtaError) || error.code !== 'binary-missing') throw error;
    return { ...part, state: 'missing', sizeBytes: undefined, image: undefined };
  }
}

async function exists(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true;
}
