import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SampleBuild } from './sample-build.ts';

/** Writes a build as `idf.py build` leaves it. */
export async function writeBuild(folder: string, build: SampleBuild): Promise<void> {
  const json = {
    'project_description.json': build.project,
    'flasher_args.json': build.flasher,
    'config/sdkconfig.json': build.config,
  };
  const files = {
    ...Object.fromEntries(
      Object.entries(json).map(([name, value]) => [name, Buffer.from(JSON.stringify(value))]),
    ),
    ...build.files,
  };
  for (const [name, bytes] of Object.entries(files)) {
    if (bytes === undefined) continue;
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
}
