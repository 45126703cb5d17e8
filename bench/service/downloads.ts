import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startNginx } from '../../test/support/real-nginx.ts';
import type { Measurement } from '../benchmark.ts';
import { median } from '../measure.ts';
import { type Node, publish, residentMiB, startService } from './nodes.ts';

const image = randomBytes(1_300_000);
/** More than sockets take in, so that the service has to hold it for slow receivers. */
const largeImage = randomBytes(12_000_000);
const pathOf = (version: string) => `/api/firmware/download/${version}`;
const rounds = 9;
const connections = 64;

/** Downloads against nginx, from memory and from disk, and what slow receivers cost. */
export async function measureDownloads(root: string): Promise<Measurement[]> {
  const nginx = await startNginx({ server: ['sendfile on;', 'tcp_nopush on;'] });
  const services = {
    hot: await startService(join(root, 'hot')),
    disk: await startService(join(root, 'disk'), [], { OTA_CACHE_BYTES: '0' }),
  };
  try {
    await writeFile(join(nginx.uploads, 'fw.bin'), image);
    for (const service of Object.values(services)) {
      await publish(service, image);
      await publish(service, largeImage, '2.1.0');
    }
    return [
      ...(await compareRates(`${nginx.url}/fw.bin`, services)),
      await measureSlow('from memory', services.hot),
      await measureSlow('from disk', services.disk),
    ];
  } finally {
    for (const service of Object.values(services)) await service.stop();
    await nginx.stop();
  }
}

async function compareRates(
  peer: string,
  { hot, disk }: { hot: Node; disk: Node },
): Promise<Measurement[]> {
  const rates: { peer: number; hot: number; disk: number }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    rates.push({
      peer: await wrk(peer),
      hot: await wrk(`${hot.url}${pathOf('2.0.0')}`),
      disk: await wrk(`${disk.url}${pathOf('2.0.0')}`),
    });
  }
  const measurement = (kind: 'hot' | 'disk', from: string, floor: number): Measurement => ({
    name: `download of 1.3 MB from ${from} / nginx`,
    value: median(rates.map((rate) => rate[kind] / rate.peer)),
    floor: { kind: 'at least', value: floor },
    detail: `${detailOf(rates.map((rate) => rate[kind]))} against ${detailOf(rates.map((rate) => rate.peer))}`,
  });
  return [measurement('hot', 'memory', 1), measurement('disk', 'disk', 0.6)];
}

function detailOf(rates: readonly number[]): string {
  return `${Math.round((median(rates) * image.length) / 1e6)} MB/s`;
}

/** Requests a second; wrk, because a client in JavaScript would be the slowest part. */
async function wrk(url: string): Promise<number> {
  const words = ['-t1', `-c${connections}`, '-d2s', url];
  const { stdout } = await promisify(execFile)('wrk', words);
  if (/Non-2xx|(connect|read|write) [1-9]/.test(stdout)) throw new Error(stdout);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
}

/** What the service grows by when 500 receivers that take nothing become 1,000. */
async function measureSlow(from: string, service: Node): Promise<Measurement> {
  const sockets: Socket[] = [];
  const settled: number[] = [];
  for (const count of [500, 1000]) {
    while (sockets.length < count) sockets.push(await openSlowDownload(service));
    settled.push(await residentMiB(service.pid));
  }
  for (const socket of sockets) socket.destroy();
  const [half = 0, full = 0] = settled;
  return {
    name: `growth from 500 to 1,000 slow downloads of 12 MB ${from}, MiB`,
    value: full - half,
    floor: { kind: 'at most', value: 96 },
    detail: `${Math.round(half)} MiB, then ${Math.round(full)} MiB`,
  };
}

/** A receiver that takes the first bytes and then no more. */
async function openSlowDownload(service: Node): Promise<Socket> {
  const { hostname, port } = new URL(service.url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.write(`GET ${pathOf('2.1.0')} HTTP/1.1\r\nhost: bench\r\n\r\n`);
  await once(socket, 'data');
  socket.pause();
  return socket;
}
