import { join, resolve } from 'node:path';
import type { Measurement } from '../benchmark.ts';
import { median } from '../measure.ts';
import { fill } from './fill.ts';
import { load, startNode, startService } from './nodes.ts';

const few = 1000;
const many = 1_000_000;
const rounds = 7;
const seconds = 3;
/** Until most pages of a large database have been read once. */
const warmUpSeconds = 8;

const check = (devices: number) => () => {
  const id = Math.floor(Math.random() * devices);
  return { path: `/api/firmware/check?device_id=d${id}&device_model=esp32&current_version=1.0.0` };
};

/** Checks against a bare route, with few devices and with many: in turn, so that all meet the same machine. */
export async function measureChecks(root: string): Promise<Measurement[]> {
  const folders = { few: join(root, 'few'), many: join(root, 'many') };
  await fill(folders.few, few);
  await fill(folders.many, many);
  const bare = await startNode(['--import', 'tsx', resolve('bench/service/bare-server.ts')]);
  const withFew = await startService(folders.few);
  const withMany = await startService(folders.many);
  const subjects = [
    { node: bare, devices: few },
    { node: withFew, devices: few },
    { node: withMany, devices: many },
  ];
  try {
    for (const { node, devices } of subjects) await load(node.url, warmUpSeconds, check(devices));
    const samples = [];
    for (let round = 0; round < rounds; round += 1) {
      const sample = [];
      for (const { node, devices } of subjects)
        sample.push(await load(node.url, seconds, check(devices)));
      samples.push(sample);
    }
    return judge(samples);
  } finally {
    for (const { node } of subjects) await node.stop();
  }
}

type Sample = Awaited<ReturnType<typeof load>>;

function judge(samples: readonly Sample[][]): Measurement[] {
  const column = (index: number) => samples.map((sample) => sample[index] as Sample);
  const ratio = (ours: number, peer: number) =>
    median(samples.map((sample) => perSecond(sample[ours]) / perSecond(sample[peer])));
  const rate = (index: number) => Math.round(median(column(index).map(perSecond)));
  const failed = column(1).reduce((sum, { non2xx }) => sum + non2xx, 0);
  return [
    {
      name: 'check / bare Fastify route',
      value: ratio(1, 0),
      floor: { kind: 'at least', value: 0.35 },
      detail: `${rate(1)}/s against ${rate(0)}/s, ${failed} failed`,
    },
    {
      name: 'check p99 at 64 connections, ms',
      value: median(column(1).map(({ p99Ms }) => p99Ms)),
      floor: { kind: 'at most', value: 20 },
      detail: `${rate(1)}/s`,
    },
    {
      name: 'check with 1,000,000 devices / with 1,000',
      value: ratio(2, 1),
      floor: { kind: 'at least', value: 0.85 },
      detail: `${rate(2)}/s, p99 ${median(column(2).map(({ p99Ms }) => p99Ms))} ms`,
    },
  ];
}

function perSecond(sample: Sample | undefined): number {
  return sample?.perSecond ?? Number.NaN;
}
