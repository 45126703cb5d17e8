import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import Sqlite from 'better-sqlite3';
import type { Benchmark, Measurement } from './benchmark.ts';
import { benchKey, load, type Node, startNode, startService } from './service-nodes.ts';

const seconds = 8;
const few = 1000;
const many = 1_000_000;

const check = (devices: number) => () => {
  const id = Math.floor(Math.random() * devices);
  return { path: `/api/firmware/check?device_id=d${id}&device_model=esp32&current_version=1.0.0` };
};

/** Check and status against a bare route, with few devices and with many. */
export const serviceBenchmark: Benchmark = {
  name: 'service',
  async run() {
    const folder = await mkdtemp(join(tmpdir(), 'ota-bench-service-'));
    try {
      return [...(await measureFew(join(folder, 'few'))), ...(await measureMany(folder))];
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

let fewRate = 0;

async function measureFew(folder: string): Promise<Measurement[]> {
  await fill(folder, few);
  const bare = await startNode(['--import', 'tsx', resolve('bench/bare-server.ts')]);
  const service = await startService(folder);
  try {
    await load(bare.url, 2, check(few));
    await load(service.url, 2, check(few));
    const peer = await load(bare.url, seconds, check(few));
    const ours = await load(service.url, seconds, check(few));
    fewRate = ours.perSecond;
    await publish(service);
    const status = await load(service.url, seconds, nextReport(few));
    return [
      {
        name: 'check / bare Fastify route',
        value: ours.perSecond / peer.perSecond,
        floor: { kind: 'at least', value: 0.35 },
        detail: `${rate(ours)} against ${rate(peer)}, ${ours.non2xx} failed`,
      },
      {
        name: 'check p99 at 64 connections, ms',
        value: ours.p99Ms,
        floor: { kind: 'at most', value: 20 },
        detail: rate(ours),
      },
      {
        name: 'durable reports a second, SQLite',
        value: status.perSecond,
        floor: { kind: 'at least', value: 5000 },
        detail: `p99 ${status.p99Ms} ms, ${status.non2xx} failed`,
      },
    ];
  } finally {
    await bare.stop();
    await service.stop();
  }
}

async function measureMany(root: string): Promise<Measurement[]> {
  const folder = join(root, 'many');
  await fill(folder, many);
  const service = await startService(folder);
  const idleMiB = await residentMiB(service.pid);
  try {
    await load(service.url, 2, check(many));
    const ours = await load(service.url, seconds, check(many));
    return [
      {
        name: 'check with 1,000,000 devices / with 1,000',
        value: ours.perSecond / fewRate,
        floor: { kind: 'at least', value: 0.85 },
        detail: `${rate(ours)}, p99 ${ours.p99Ms} ms`,
      },
      {
        name: 'idle service, MiB',
        value: idleMiB,
        floor: { kind: 'at most', value: 120 },
        detail: 'resident, after start',
      },
      {
        name: 'ready with 1,000,000 devices, s',
        value: service.readyS,
        floor: { kind: 'at most', value: 1 },
        detail: 'from the start of the process',
      },
    ];
  } finally {
    await service.stop();
  }
}

function rate({ perSecond }: { perSecond: number }): string {
  return `${Math.round(perSecond)}/s`;
}

/** Every report differs from the device's last one, so that each has to be stored. */
function nextReport(devices: number) {
  let turn = 0;
  return () => {
    turn += 1;
    const id = `d${turn % devices}`;
    const body = {
      device_id: id,
      firmware_version: '2.0.0',
      status: 'downloading',
      progress_percent: Math.floor(turn / devices) % 101,
    };
    return {
      method: 'POST' as const,
      path: `/api/device/${id}/update-status`,
      body: JSON.stringify(body),
    };
  };
}

async function publish(service: Node): Promise<void> {
  const response = await fetch(
    `${service.url}/api/v1/firmware?model=esp32&version=2.0.0&rollout=all`,
    {
      method: 'PUT',
      headers: { 'x-api-key': benchKey, 'content-type': 'application/octet-stream' },
      body: 'an image of another kind',
    },
  );
  if (!response.ok) throw new Error(await response.text());
}

/** Lets the service make its tables, then puts devices into them. */
async function fill(folder: string, devices: number): Promise<void> {
  await (await startService(folder)).stop();
  const database = new Sqlite(join(folder, 'ota.db'));
  database
    .prepare(
      `with recursive numbers(n) as (select 0 union all select n + 1 from numbers where n < ? - 1)
       insert into devices (id, model, version, groups, labels, setbacks, last_seen_at, checked_at, created_at)
       select 'd' || n, 'esp32', '1.0.0', '[]', '{}', '{}', 1, 1, 1 from numbers`,
    )
    .run(devices);
  database.close();
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}
