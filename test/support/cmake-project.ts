import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join, resolve } from 'node:path';
import { expect } from 'vitest';
import { type Run, run } from './run.ts';
import { createFolder } from './temporary-workspace.ts';

const root = resolve(import.meta.dirname, '../..');
const standIns = join(root, 'test/fixtures/cmake');
export const toolkitFile = join(root, 'cmake/OtaToolkit.cmake');
const fakeOtaFile = join(root, 'test/fixtures/ota/ota');

/** One call of the recording `ota` of test/fixtures/ota. */
export interface RecordedCall {
  readonly args: string[];
  readonly cwd: string;
  readonly sha256?: string;
}

export interface CmakeProjectOptions {
  /** Which stand-in of ESP-IDF's build system: up to 5.5, or from 6.0. */
  readonly generation?: 5 | 6;
  readonly generator?: 'Ninja' | 'Unix Makefiles';
  /** Lines before project(). */
  readonly before?: string;
  /** Lines after project() and the include of the toolkit. */
  readonly after?: string;
  readonly folderName?: string;
  /** The first bytes of the image; a text will do where no real `ota` looks at it. */
  readonly image?: string | Uint8Array;
}

/** Puts the recording `ota` into a folder. */
export async function installRecorder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await copyFile(fakeOtaFile, join(folder, 'ota'));
  await chmod(join(folder, 'ota'), 0o755);
}

/** A project in a temporary folder, for the running test, configured and built with the real CMake. */
export async function createCmakeProject(options: CmakeProjectOptions = {}) {
  const { generation = 5, generator = 'Ninja', before = '', after = 'ota_package()' } = options;
  const temporary = await createFolder();
  const folder = join(temporary, options.folderName ?? 'project');
  const buildFolder = join(folder, 'build');
  const recorder = join(temporary, 'bin');

  async function write(file: string, content: string | Uint8Array): Promise<void> {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), content);
  }

  await installRecorder(recorder);
  await write('main/app.image', options.image ?? 'first image');
  await write(
    'CMakeLists.txt',
    `cmake_minimum_required(VERSION 3.16)
include("${standIns}/idf-${generation}.cmake")
${before}
project(demo)
include("${toolkitFile}")
${after}
`,
  );

  /** Only what CMake and the recorder need is in PATH, so that no other `ota` is found. */
  const environment = {
    PATH: [dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter),
    OTA_EXECUTABLE: join(recorder, 'ota') as string | undefined,
  };

  return {
    folder,
    buildFolder,
    recorder,
    environment,
    write,

    configure(...definitions: string[]): Promise<Run> {
      const flags = definitions.map((definition) => `-D${definition}`);
      return run('cmake', ['-S', folder, '-B', buildFolder, '-G', generator, ...flags], {
        env: environment,
      });
    },

    build(target = 'all'): Promise<Run> {
      return run('cmake', ['--build', buildFolder, '--target', target], { env: environment });
    },

    /** Configures and builds; both must succeed. Returns all output. */
    async configureAndBuild(...definitions: string[]): Promise<string> {
      const configured = await this.configure(...definitions);
      expect(configured.exitCode, configured.output).toBe(0);
      const built = await this.build();
      expect(built.exitCode, built.output).toBe(0);
      return configured.output + built.output;
    },

    /** The calls of the recording `ota` so far. */
    async calls(): Promise<RecordedCall[]> {
      const file = join(recorder, 'calls.ndjson');
      if (!existsSync(file)) return [];
      const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
      return lines.map((line) => JSON.parse(line) as RecordedCall);
    },

    /** Lets the recording `ota` fail from now on, or work again. */
    async fail(failure: { exitCode: number; stderr: string } | undefined): Promise<void> {
      const file = join(recorder, 'behaviour.json');
      if (failure === undefined) await rm(file);
      else await writeFile(file, JSON.stringify(failure));
    },
  };
}
