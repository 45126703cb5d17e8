import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { cliPath } from '../test/support/cli-process.ts';
import { startMosquitto } from '../test/support/real-mosquitto.ts';
import { buildImage } from '../tools/core/image/building/build-image.ts';
import { withTemporaryFolder } from '../tools/workspace/changes/temporary-folder.ts';
import type { Benchmark, Measurement } from './benchmark.ts';

const megabyte = 1024 * 1024;
const peersFile = new URL('fleet-peers.ts', import.meta.url).pathname;

/** A broker that does not throw messages away when a subscriber is slow. */
const startBroker = () =>
  startMosquitto({
    more: [
      'max_queued_messages 100000',
      'max_inflight_messages 100',
      'log_type none',
      'log_type information',
    ],
  });

export const fleetBenchmark: Benchmark = {
  name: 'fleet',
  run: async () => [
    await measurePush(),
    ...(await measurePull()),
    ...(await measureWatch()),
    await measureFleet(),
  ],
};

async function startPeers(role: string, url: string, ...words: (string | number)[]) {
  const child = fork(peersFile, [role, url, ...words.map(String)], {
    execArgv: ['--import', 'tsx'],
  });
  await once(child, 'message');
  return child;
}

/** Chunked push of 4 MB to 100 subscribers, against mosquitto_pub with the same file in one message. */
async function measurePush(): Promise<Measurement> {
  return await withTemporaryFolder(async (folder) => {
    const broker = await startBroker();
    const file = join(folder, 'app.bin');
    const firmware = image(4 * megabyte);
    await writeFile(file, firmware);
    await prepareWorkspace(folder, {
      broker: broker.url,
      topic: 'fw',
      mode: 'chunked',
      chunk_size: 65_536,
      settle: 0.001,
    });
    const bytes = firmware.length;
    const chunkHeaders = Math.ceil(bytes / 65_536) * 16;
    const whole = await startPeers('subscribers', broker.url, 100, 'whole', bytes);
    const chunks = await startPeers(
      'subscribers',
      broker.url,
      ...[100, 'fw/chunk', bytes + chunkHeaders],
    );
    const flags = ['-h', '127.0.0.1', '-p', String(broker.port), '-q', '1'];
    const publish = ['mosquitto_pub', ...flags, '-t', 'whole', '-f', file];
    const deploy = [
      process.execPath,
      cliPath,
      'deploy',
      '--version',
      '1.0.0',
      '--progress',
      'none',
    ];
    const ours: number[] = [];
    const peer: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      ours.push(await untilReceived(deploy, folder, chunks));
      peer.push(await untilReceived(publish, folder, whole));
    }
    for (const one of [whole, chunks]) one.disconnect();
    await broker.stop();
    const ratios = ours.map((seconds, index) => seconds / (peer[index] ?? Number.NaN));
    return {
      name: 'chunked push of 4 MB, until 100 subscribers have it: time / `mosquitto_pub`',
      value: median(ratios),
      floor: { kind: 'at most', value: 1.5 },
      detail: `${median(ours).toFixed(2)} s against ${median(peer).toFixed(2)} s, process start included`,
    };
  });
}

/** From the start of the publisher to the last byte at the last subscriber. */
async function untilReceived(
  [program = '', ...words]: readonly string[],
  cwd: string,
  receivers: ChildProcess,
): Promise<number> {
  const startedAt = performance.now();
  const complete = once(receivers, 'message');
  const child = spawn(program, words, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  const closed = once(child, 'close');
  await complete;
  const seconds = (performance.now() - startedAt) / 1000;
  const [status] = (await closed) as [number];
  if (status !== 0) throw new Error(`exit ${status}: ${program} ${words.join(' ')}`);
  return seconds;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** 200 devices pull 1 MB each in chunks of 16 KB. */
async function measurePull(): Promise<Measurement[]> {
  return await withTemporaryFolder(async (folder) => {
    const broker = await startBroker();
    const bytes = image(megabyte);
    await writeFile(join(folder, 'app.bin'), bytes);
    await prepareWorkspace(folder, { broker: broker.url, topic: 'fw' });
    await writeFile(
      join(folder, 'ota_deploy_config.json'),
      JSON.stringify({ mqtt: { broker: '127.0.0.1', port: broker.port } }),
    );
    const server = start([process.execPath, cliPath, 'serve-chunks', '--version', '1.0.0'], folder);
    await once(server.stdout as NodeJS.ReadableStream, 'data');
    const peers = await startPeers('pullers', broker.url, 200, bytes.length, 16_384);
    const startedAt = performance.now();
    peers.send('go');
    const [hashes] = (await once(peers, 'message')) as [string[]];
    const seconds = (performance.now() - startedAt) / 1000;
    const peakMiB = await peakOf(server);
    peers.disconnect();
    const [hash, ...others] = hashes;
    const expected = createHash('sha256').update(bytes).digest('hex');
    if (hash !== expected || others.length > 0) throw new Error('a device got wrong bytes');
    // What the server itself counted: nobody was served less than a whole file.
    const summary = await summaryOf(server);
    await broker.stop();
    if (!summary.startsWith(`${200 * Math.ceil(bytes.length / 16_384)} requests, `)) {
      throw new Error(`unexpected count: ${summary}`);
    }
    const rate = (200 * bytes.length) / 1e6 / seconds;
    return [
      {
        name: 'serve-chunks, 200 devices, 1 MB each at 16 KB: MB/s in sum',
        value: rate,
        floor: { kind: 'at least', value: 30 },
        detail: `${seconds.toFixed(1)} s; devices, broker and server on this machine`,
      },
      {
        name: 'serve-chunks, the same: MiB of memory at the most',
        value: peakMiB,
        floor: { kind: 'at most', value: 200 },
        detail: 'VmHWM of the process',
      },
    ];
  });
}

/** 1,000 status messages a second for ten seconds. */
async function measureWatch(): Promise<Measurement[]> {
  return await withTemporaryFolder(async (folder) => {
    const seconds = 10;
    const broker = await startBroker();
    await writeFile(
      join(folder, 'ota_deploy_config.json'),
      JSON.stringify({
        mqtt: {
          broker: '127.0.0.1',
          port: broker.port,
          status_topic: 'fleet/{device}/ota/status',
        },
      }),
    );
    const watch = start([process.execPath, cliPath, 'watch', '--record', 'all.ndjson'], folder);
    const peers = await startPeers('talkers', broker.url, 1000, seconds);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const before = await cpuSecondsOf(watch);
    peers.send('go');
    await once(peers, 'message');
    await new Promise((resolve) => setTimeout(resolve, 500));
    const used = (await cpuSecondsOf(watch)) - before;
    const lines = (await readFile(join(folder, 'all.ndjson'), 'utf8')).split('\n').length - 1;
    watch.kill('SIGINT');
    peers.disconnect();
    await broker.stop();
    return [
      {
        name: 'watch, 1,000 messages a second: % of a core',
        value: (used / seconds) * 100,
        floor: { kind: 'at most', value: 30 },
        detail: `${used.toFixed(2)} s of processor time in ${seconds} s, recording all`,
      },
      {
        name: 'watch, the same: share of messages recorded half a second later',
        value: lines / (1000 * seconds),
        floor: { kind: 'at least', value: 1 },
        detail: `${lines} of ${1000 * seconds}`,
      },
    ];
  });
}

/** 1,000 virtual devices in one process. */
async function measureFleet(): Promise<Measurement> {
  return await withTemporaryFolder(async (folder) => {
    const broker = await startBroker();
    await writeFile(join(folder, 'fleet.json'), JSON.stringify({ source: 'pull' }));
    const words = ['simulate', 'fleet', '--count', '1000', '--broker', broker.url];
    const command = [process.execPath, cliPath, ...words, '--profile', 'fleet.json'];
    const fleet = start(command, folder);
    await once(fleet.stdout as NodeJS.ReadableStream, 'data');
    const peakMiB = await peakOf(fleet);
    fleet.kill('SIGINT');
    await broker.stop();
    return {
      name: '1,000 virtual devices in one process: MiB of memory at the most',
      value: peakMiB,
      floor: { kind: 'at most', value: 300 },
      detail: 'VmHWM, all connected and their state published',
    };
  });
}

function image(sizeBytes: number): Uint8Array {
  return buildImage({ chip: 'esp32s3', project: 'bench', version: '1.0.0', sizeBytes });
}

async function prepareWorkspace(folder: string, channel: object): Promise<void> {
  const manifest = {
    schema_version: 1,
    product: { name: 'bench', hardware: 'esp32s3' },
    deployment: { default_protocols: ['mqtt'], channels: { mqtt: channel } },
    versions: [],
  };
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  const words = ['--manifest', 'manifest.json', '--binary', 'app.bin', '--version', '1.0.0'];
  execFileSync('mkdir', ['-p', join(folder, 'ota')]);
  execFileSync('mv', [join(folder, 'manifest.json'), join(folder, 'ota')]);
  words[1] = 'ota/manifest.json';
  execFileSync(process.execPath, [cliPath, 'package', ...words, '--update-manifest'], {
    cwd: folder,
  });
}

function start([program = '', ...words]: readonly string[], cwd: string): ChildProcess {
  return spawn(program, words, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
}

/** The last line that `serve-chunks` prints. */
async function summaryOf(server: ChildProcess): Promise<string> {
  const printed = text(server.stdout as NodeJS.ReadableStream);
  server.kill('SIGINT');
  return (await printed).trimEnd().split('\n').at(-1) ?? '';
}

/** proc(5): VmHWM is the peak resident set size. */
async function peakOf({ pid }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

/** proc(5): fields 14 and 15 of stat, in clock ticks of 1/100 s. */
async function cpuSecondsOf({ pid }: ChildProcess): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
