import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One command line; the first word is the program. */
export type CommandLine = readonly string[];

export interface Sample {
  readonly seconds: number;
  /** Largest resident set of the process, in MiB. */
  readonly peakMiB: number;
}

/** Runs a command once, with GNU time around it for its memory. Throws when it fails. */
export async function runOnce(command: CommandLine, cwd: string): Promise<Sample> {
  const folder = await mkdtemp(join(tmpdir(), 'ota-bench-'));
  const output = join(folder, 'time');
  const startedAt = process.hrtime.bigint();
  const exitCode = await new Promise<number>((resolve, reject) => {
    const child = spawn('/usr/bin/time', ['-f', '%M', '-o', output, ...command], {
      cwd,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    child.on('error', reject);
    child.on('close', (status) => resolve(status ?? -1));
  });
  const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
  const peakMiB = Number((await readFile(output, 'utf8')).trim().split('\n').at(-1)) / 1024;
  await rm(folder, { recursive: true });
  if (exitCode !== 0) throw new Error(`exit ${exitCode}: ${command.join(' ')}`);
  return { seconds, peakMiB };
}

export interface Comparison {
  /** Median over rounds of ours divided by the peer's in the same round. */
  readonly ratio: number;
  readonly ours: Sample;
  readonly peer: Sample;
}

/**
 * Runs ours and the peers in turn, so that a machine that slows down slows down both. The peer's time is the sum of
 * its commands.
 *
 * @param between runs before each measured command of ours and of the peer, unmeasured
 */
export async function compare(
  ours: CommandLine,
  peers: readonly CommandLine[],
  options: { cwd: string; rounds: number; between?: () => Promise<void> },
): Promise<Comparison> {
  const ourSamples: Sample[] = [];
  const peerSamples: Sample[] = [];
  for (let round = -1; round < options.rounds; round += 1) {
    await options.between?.();
    const our = await runOnce(ours, options.cwd);
    await options.between?.();
    let seconds = 0;
    let peakMiB = 0;
    for (const peer of peers) {
      const sample = await runOnce(peer, options.cwd);
      seconds += sample.seconds;
      peakMiB = Math.max(peakMiB, sample.peakMiB);
    }
    if (round < 0) continue; // warm-up
    ourSamples.push(our);
    peerSamples.push({ seconds, peakMiB });
  }
  const ratios = ourSamples.map((our, index) => our.seconds / (peerSamples[index]?.seconds ?? 1));
  return { ratio: median(ratios), ours: medianSample(ourSamples), peer: medianSample(peerSamples) };
}

function medianSample(samples: readonly Sample[]): Sample {
  return {
    seconds: median(samples.map(({ seconds }) => seconds)),
    peakMiB: median(samples.map(({ peakMiB }) => peakMiB)),
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}
