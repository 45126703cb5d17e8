import { join } from 'node:path';
import type { Measurement } from '../benchmark.ts';
import { median } from '../measure.ts';
import { fill } from './fill.ts';
import { residentMiB, startService } from './nodes.ts';

/** How long the start takes with a database that has devices, and what the service then takes. */
export async function measureStart(root: string): Promise<Measurement[]> {
  const folder = join(root, 'start');
  await fill(folder, 100_000);
  const readyS: number[] = [];
  const idleMiB: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const service = await startService(folder);
    readyS.push(service.readyS);
    idleMiB.push(await residentMiB(service.pid));
    await service.stop();
  }
  return [
    {
      name: 'ready with 100,000 devices, s',
      value: median(readyS),
      floor: { kind: 'at most', value: 1 },
      detail: 'from the start of the process',
    },
    {
      name: 'idle service, MiB',
      value: median(idleMiB),
      floor: { kind: 'at most', value: 120 },
      detail: 'resident, after the start',
    },
  ];
}
