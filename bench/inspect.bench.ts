import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cliPath } from '../test/support/cli-process.ts';
import { buildImage } from '../tools/core/image/building/build-image.ts';
import { withTemporaryFolder } from '../tools/workspace/changes/temporary-folder.ts';
import type { Benchmark } from './benchmark.ts';
import { compare } from './measure.ts';

/** Reading an image with all its checks, beyond the start of the command line. */
export const inspectBenchmark: Benchmark = {
  name: 'inspect',
  async run() {
    return withTemporaryFolder(async (folder) => {
      const sizeBytes = 4 * 1024 * 1024;
      const image = buildImage({ chip: 'esp32s3', project: 'bench', version: '1.0.0', sizeBytes });
      await writeFile(join(folder, 'app.bin'), image);
      const start = [process.execPath, cliPath, '--version'];
      const inspect = [process.execPath, cliPath, 'inspect', 'app.bin'];
      const { ours, peer } = await compare(inspect, [start], { cwd: folder, rounds: 9 });
      return [
        {
          name: 'inspect, 4 MB, beyond `ota --version`, ms',
          value: (ours.seconds - peer.seconds) * 1000,
          floor: { kind: 'at most', value: 100 },
          detail: `${Math.round(ours.seconds * 1000)} ms in all`,
        },
      ];
    });
  },
};
