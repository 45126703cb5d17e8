import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tlsSamples } from '../test/support/authority.ts';
import { cliPath } from '../test/support/cli-process.ts';
import { startMosquitto } from '../test/support/real-mosquitto.ts';
import { startNginx } from '../test/support/real-nginx.ts';
import { fingerprintOf } from '../tools/core/integrity.ts';
import { writeJsonFile } from '../tools/workspace/changes/json-write.ts';
import { withTemporaryFolder } from '../tools/workspace/changes/temporary-folder.ts';
import type { Benchmark, Measurement } from './benchmark.ts';
import { type Comparison, compare } from './measure.ts';
import { detailOf } from './package.bench.ts';

const sizeBytes = 100 * 1024 * 1024;
const deployCommand = [
  process.execPath,
  cliPath,
  'deploy',
  '--version',
  '1.0.0',
  '--progress',
  'none',
];

/** A release of 100 MB whose channels lead to the given servers. */
async function prepare(folder: string, channels: Record<string, unknown>): Promise<string> {
  const file = join(folder, 'ota/versions/1.0.0/big.bin');
  const bytes = Buffer.alloc(sizeBytes, 'firmware ');
  const { sha256 } = fingerprintOf(bytes);
  await writeJsonFile(join(folder, 'ota/manifest.json'), {
    schema_version: 1,
    product: { name: 'bench' },
    deployment: { default_protocols: Object.keys(channels), channels },
    versions: [{ id: '1.0.0', manifest: 'versions/1.0.0/ota.json' }],
  });
  await writeJsonFile(join(folder, 'ota/versions/1.0.0/ota.json'), {
    version: '1.0.0',
    artifacts: [{ name: 'big', filename: 'big.bin', size: sizeBytes, sha256 }],
  });
  await writeFile(file, bytes);
  await writeFile(join(folder, 'ota/ca.pem'), tlsSamples.ca);
  await readFile(file); // into the page cache
  return file;
}

export const deployBenchmark: Benchmark = {
  name: 'deploy',
  async run() {
    return [...(await overHttps()), ...(await overMqtt())];
  },
};

async function overHttps(): Promise<Measurement[]> {
  const server = await startNginx({ tls: tlsSamples.good });
  try {
    return await withTemporaryFolder(async (folder) => {
      const file = await prepare(folder, { https: { url: `${server.url}/big.bin`, ca: 'ca.pem' } });
      const curl = ['curl', '-sSf', '--cacert', 'ota/ca.pem', '-T', file, `${server.url}/curl.bin`];
      const result = await compare(deployCommand, [curl], { cwd: folder, rounds: 7 });
      return [
        ratio('deploy, 100 MB over HTTPS to nginx: time / `curl -T`', result, 2),
        {
          name: 'deploy, 100 MB over HTTPS: peak memory in MiB',
          value: result.ours.peakMiB,
          floor: { kind: 'at most', value: 150 },
          detail: detailOf(result),
        },
      ];
    });
  } finally {
    await server.stop();
  }
}

async function overMqtt(): Promise<Measurement[]> {
  const broker = await startMosquitto();
  try {
    return await withTemporaryFolder(async (folder) => {
      const file = await prepare(folder, { mqtt: { broker: broker.url, topic: 'big', qos: 1 } });
      const words = ['-p', String(broker.port), '-t', 'big', '-q', '1', '-f', file];
      const result = await compare(deployCommand, [['mosquitto_pub', ...words]], {
        cwd: folder,
        rounds: 7,
      });
      return [
        ratio(
          'deploy, 100 MB over MQTT QoS 1 to Mosquitto: time / `mosquitto_pub -f`',
          result,
          1.3,
        ),
        {
          name: "deploy, 100 MB over MQTT: peak memory / mosquitto_pub's",
          value: result.ours.peakMiB / result.peer.peakMiB,
          floor: { kind: 'at most', value: 1 },
          detail: detailOf(result),
        },
      ];
    });
  } finally {
    await broker.stop();
  }
}

function ratio(name: string, result: Comparison, most: number): Measurement {
  return {
    name,
    value: result.ratio,
    floor: { kind: 'at most', value: most },
    detail: detailOf(result),
  };
}
