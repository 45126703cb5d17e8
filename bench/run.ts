/** Measures against peers in one run, as ratios: `npm run bench`, or `npm run bench -- package` for one of them. */
import type { Benchmark } from './benchmark.ts';
import { deployBenchmark } from './deploy.bench.ts';
import { fleetBenchmark } from './fleet.bench.ts';
import { inspectBenchmark } from './inspect.bench.ts';
import { packageBenchmark } from './package.bench.ts';
import { pushBenchmark } from './push.bench.ts';
import { serviceBenchmark } from './service.bench.ts';

const benchmarks: readonly Benchmark[] = [
  packageBenchmark,
  inspectBenchmark,
  deployBenchmark,
  pushBenchmark,
  fleetBenchmark,
  serviceBenchmark,
];

const wanted = process.argv.slice(2);
for (const benchmark of benchmarks) {
  if (wanted.length > 0 && !wanted.includes(benchmark.name)) continue;
  for (const { name, value, floor, detail } of await benchmark.run()) {
    const met = floor.kind === 'at most' ? value <= floor.value : value >= floor.value;
    const verdict = met ? 'met' : 'NOT MET';
    process.stdout.write(
      `${name}: ${value.toFixed(2)} (${floor.kind} ${floor.value}: ${verdict}; ${detail})\n`,
    );
  }
}
