import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cliPath } from '../test/support/cli-process.ts';
import { buildImage } from '../tools/core/image/building/build-image.ts';
import { defaultRetryPolicy } from '../tools/core/retry.ts';
import { startEsphomeDevice } from '../tools/simulator/esphome-device.ts';
import { createVirtualFlash } from '../tools/simulator/virtual-flash.ts';
import { esphome } from '../tools/transports/esphome.ts';
import { createClock } from '../tools/workflows/clock.ts';
import { push } from '../tools/workflows/push.ts';
import { withTemporaryFolder } from '../tools/workspace/changes/temporary-folder.ts';
import type { Benchmark, Measurement } from './benchmark.ts';
import { compare, runOnce } from './measure.ts';

const megabyte = 1024 * 1024;
const roundTripMs = 2;
/** What an ESP32 writes while it talks. */
const flashBytesPerSecond = 200 * 1024;
/** Greeting, features, size, checksum, all but the last block, last block. */
const roundTrips = 6;

export const pushBenchmark: Benchmark = {
  name: 'push',
  run: () =>
    withTemporaryFolder(async (folder) => {
      const binary = async (name: string, sizeBytes: number): Promise<string> => {
        const path = join(folder, name);
        const image = { chip: 'esp32s3', project: 'bench', version: '1.0.0', sizeBytes };
        await writeFile(path, buildImage(image));
        return path;
      };
      const large = await binary('large.bin', megabyte);
      const small = await binary('small.bin', megabyte / 8);
      return [
        await againstFlash(large),
        await onLoopback(large, folder),
        ...(await toManyDevices(small, folder)),
      ];
    }),
};

/** The least time that round trips and flash take for an image. */
function limitMs(sizeBytes: number): number {
  return (sizeBytes / flashBytesPerSecond) * 1000 + roundTrips * roundTripMs;
}

async function againstFlash(binaryPath: string): Promise<Measurement> {
  const flash = createVirtualFlash({
    bytesPerSecond: flashBytesPerSecond,
    wait: (ms) => sleep(ms),
    now: () => performance.now(),
  });
  const device = await startEsphomeDevice({ flash, delayMs: roundTripMs / 2 });
  const startedAt = performance.now();
  const report = await push({
    binaryPath,
    manifestPaths: [],
    transport: esphome,
    channel: {},
    devices: [{ host: device.host, port: device.port }],
    chips: [],
    allow: [],
    dryRun: false,
    policy: { ...defaultRetryPolicy, retries: 0 },
    concurrency: 1,
    failFast: false,
    env: {},
    signal: new AbortController().signal,
    clock: createClock({ now: () => new Date(), random: Math.random }),
    notify: () => {},
  });
  const tookMs = performance.now() - startedAt;
  await device.close();
  if (!report.ok) throw new Error(JSON.stringify(report));
  const limit = limitMs(megabyte);
  return {
    name: 'push, 1 MB, round trip 2 ms, flash 200 KB/s: time / limit of those two',
    value: tookMs / limit,
    floor: { kind: 'at most', value: 1.05 },
    detail: `${Math.round(tookMs)} ms / ${Math.round(limit)} ms`,
  };
}

async function onLoopback(binaryPath: string, folder: string): Promise<Measurement> {
  const device = await startEsphomeDevice();
  const command = [
    ...[process.execPath, cliPath, 'push', '--binary', binaryPath],
    ...['--device', device.host, '--port', String(device.port)],
  ];
  const start = [process.execPath, cliPath, '--version'];
  const { ours, peer } = await compare(command, [start], { cwd: folder, rounds: 9 });
  await device.close();
  return {
    name: 'push, 1 MB on loopback: ms beyond `ota --version`',
    value: (ours.seconds - peer.seconds) * 1000,
    floor: { kind: 'at most', value: 150 },
    detail: `${Math.round(ours.seconds * 1000)} ms / ${Math.round(peer.seconds * 1000)} ms`,
  };
}

const deviceCount = 200;
const concurrency = 32;
const portBase = 23_232;

async function toManyDevices(binaryPath: string, folder: string): Promise<Measurement[]> {
  const command = (batch: string) => [
    ...[process.execPath, cliPath, 'push', '--binary', binaryPath, '--batch', batch],
    ...['--concurrency', String(concurrency), '--progress', 'none'],
  ];
  const write = async (name: string, count: number): Promise<string> => {
    const devices = Array.from({ length: count }, (_, index) => ({
      host: '127.0.0.1',
      port: portBase + index,
    }));
    await writeFile(join(folder, name), JSON.stringify(devices));
    return name;
  };
  const simulator = await startSimulator();
  try {
    const one = await runOnce(command(await write('one.json', 1)), folder);
    const all = await runOnce(command(await write('all.json', deviceCount)), folder);
    // The longest chain of devices that one of the workers serves, one after the other.
    const chainMs = Math.ceil(deviceCount / concurrency) * limitMs(megabyte / 8);
    const perDeviceMiB = (all.peakMiB - one.peakMiB) / (deviceCount - 1);
    return [
      {
        name: 'push, 200 devices, 32 at a time: time / longest chain',
        value: (all.seconds * 1000) / chainMs,
        floor: { kind: 'at most', value: 1.3 },
        detail: `${Math.round(all.seconds * 1000)} ms / ${Math.round(chainMs)} ms`,
      },
      {
        name: 'push, 200 devices: memory, MiB for each further device',
        value: perDeviceMiB,
        floor: { kind: 'at most', value: 1 },
        detail: `${Math.round(all.peakMiB)} MiB / ${Math.round(one.peakMiB)} MiB for one`,
      },
    ];
  } finally {
    simulator.kill('SIGINT');
  }
}

/** Virtual devices in a process of their own, as they would be outside. */
async function startSimulator(): Promise<ChildProcess> {
  const words = ['simulate', 'esphome', '--count', String(deviceCount), '--downtime', '0'];
  const ports = ['--port-base', String(portBase)];
  const rate = ['--flash-rate', String(flashBytesPerSecond / 1024)];
  const child = spawn(process.execPath, [cliPath, ...words, ...ports, ...rate], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', () => resolve());
    child.on('close', () => reject(new Error('the simulator ended')));
  });
  return child;
}
