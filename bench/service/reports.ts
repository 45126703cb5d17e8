import { join } from 'node:path';
import { startPostgres } from '../../test/support/real-postgres.ts';
import type { Measurement } from '../benchmark.ts';
import { load, type Node, publish, startService } from './nodes.ts';

const devices = 1000;
const seconds = 8;

/** Reports that are on the disk before they are answered, on both databases. */
export async function measureReports(root: string): Promise<Measurement[]> {
  const postgres = await startPostgres();
  try {
    const database = ['--database', await postgres.makeUrl()];
    return [
      await measure('SQLite', 5000, await startService(join(root, 'reports'))),
      await measure('PostgreSQL', 3000, await startService(join(root, 'postgres'), database)),
    ];
  } finally {
    await postgres.remove();
  }
}

async function measure(kind: string, floor: number, service: Node): Promise<Measurement> {
  try {
    await publish(service, Buffer.from('an image of another kind'));
    await register(service);
    await load(service.url, 2, nextReport());
    const status = await load(service.url, seconds, nextReport(50));
    return {
      name: `durable reports a second, ${kind}`,
      value: status.perSecond,
      floor: { kind: 'at least', value: floor },
      detail: `p99 ${status.p99Ms} ms, ${status.non2xx} failed`,
    };
  } finally {
    await service.stop();
  }
}

/** Every device checks once. */
async function register(service: Node): Promise<void> {
  for (let id = 0; id < devices; id += 1) {
    const query = `device_id=d${id}&device_model=esp32&current_version=1.0.0`;
    const response = await fetch(`${service.url}/api/firmware/check?${query}`);
    if (!response.ok) throw new Error(await response.text());
    await response.arrayBuffer();
  }
}

/** Every report differs from the device's last one, so that each has to be stored. */
function nextReport(firstPercent = 0) {
  let turn = 0;
  return () => {
    turn += 1;
    const id = `d${turn % devices}`;
    const body = {
      device_id: id,
      firmware_version: '2.0.0',
      status: 'downloading',
      progress_percent: (firstPercent + Math.floor(turn / devices)) % 101,
    };
    return {
      method: 'POST' as const,
      path: `/api/device/${id}/update-status`,
      body: JSON.stringify(body),
    };
  };
}
