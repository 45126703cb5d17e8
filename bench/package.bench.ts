import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cliPath } from '../test/support/cli-process.ts';
import { buildImage } from '../tools/core/image/building/build-image.ts';
import { withTemporaryFolder } from '../tools/workspace/changes/temporary-folder.ts';
import type { Benchmark } from './benchmark.ts';
import { type Comparison, compare, runOnce } from './measure.ts';

const manifest = JSON.stringify({ schema_version: 1, product: { name: 'bench' }, versions: [] });

const packageCommand = [
  process.execPath,
  cliPath,
  'package',
  ...['--binary', 'app.bin', '--version', '1.0.0', '--update-manifest'],
];
const bareNode = [process.execPath, '-e', '0'];

export const packageBenchmark: Benchmark = {
  name: 'package',
  async run() {
    return withTemporaryFolder(async (folder) => {
      const image = (sizeBytes: number) =>
        writeFile(
          join(folder, 'app.bin'),
          buildImage({ chip: 'esp32s3', project: 'bench', version: '1.0.0', sizeBytes }),
        );
      const reset = async (): Promise<void> => {
        await rm(join(folder, 'ota'), { recursive: true, force: true });
        await rm(join(folder, 'copy.bin'), { force: true });
        await mkdir(join(folder, 'ota'));
        await writeFile(join(folder, 'ota/manifest.json'), manifest);
      };
      await image(1_300_000);
      await reset();
      await runOnce(packageCommand, folder);
      const unchanged = await compare(packageCommand, [bareNode], { cwd: folder, rounds: 15 });
      await image(16 * 1024 * 1024);
      const fresh = await compare(
        packageCommand,
        [bareNode, ['cp', 'app.bin', 'copy.bin'], ['sha256sum', 'app.bin']],
        { cwd: folder, rounds: 9, between: reset },
      );
      return [
        {
          name: 'package, unchanged 1.3 MB: time / `node -e 0`',
          value: unchanged.ratio,
          floor: { kind: 'at most', value: 1.6 },
          detail: detailOf(unchanged),
        },
        {
          name: 'package, fresh 16 MB: time / (`node -e 0` + `cp` + `sha256sum`)',
          value: fresh.ratio,
          floor: { kind: 'at most', value: 2 },
          detail: detailOf(fresh),
        },
      ];
    });
  },
};

/** `82 ms / 51 ms, 60 MiB / 45 MiB` */
export function detailOf({ ours, peer }: Comparison): string {
  const ms = (seconds: number): string => `${Math.round(seconds * 1000)} ms`;
  return `${ms(ours.seconds)} / ${ms(peer.seconds)}, ${Math.round(ours.peakMiB)} MiB / ${Math.round(peer.peakMiB)} MiB`;
}
