import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Benchmark } from './benchmark.ts';
import { measureChecks } from './service/checks.ts';
import { measureDownloads } from './service/downloads.ts';
import { measureReports } from './service/reports.ts';
import { measureStart } from './service/start.ts';

/** The OTA service: checks, reports, downloads and the start. */
export const serviceBenchmark: Benchmark = {
  name: 'service',
  async run() {
    const root = await mkdtemp(join(tmpdir(), 'ota-bench-service-'));
    try {
      return [
        ...(await measureStart(root)),
        ...(await measureChecks(root)),
        ...(await measureReports(root)),
        ...(await measureDownloads(root)),
      ];
    } finally {
      await rm(root, { recursive: true });
    }
  },
};
