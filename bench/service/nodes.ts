import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import autocannon from 'autocannon';

/** A server under measurement, as a process of its own. */
export interface Node {
  readonly url: string;
  readonly pid: number;
  /** From start to ready, in seconds. */
  readonly readyS: number;
  stop(): Promise<void>;
}

export const benchKey = 'key-of-the-benchmark';

/** Starts the built command line's service, without limits. */
export function startService(
  folder: string,
  words: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Node> {
  const cli = resolve('dist/cli.cjs');
  const limits = ['--device-rate-limit', '0', '--address-rate-limit', '0', '--log-level', 'error'];
  return startNode([cli, 'serve', '--port', '0', '--data', folder, ...limits, ...words], env);
}

/** Starts a script that prints `OTA service at <url>` when it is ready. */
export async function startNode(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Node> {
  const startedAt = performance.now();
  const child: ChildProcess = spawn(process.execPath, [...words], {
    env: { ...process.env, API_KEY: benchKey, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.stdout === null) throw new Error('no output');
  const url = await new Promise<string>((done, fail) => {
    child.once('exit', (code) => fail(new Error(`ended with ${code}`)));
    createInterface(child.stdout as NodeJS.ReadableStream).on('line', (line) => {
      const found = /OTA service at (\S+)/.exec(line)?.[1];
      if (found !== undefined) done(found);
    });
  });
  const readyS = (performance.now() - startedAt) / 1000;
  return {
    url,
    readyS,
    pid: child.pid ?? 0,
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

export interface Load {
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly non2xx: number;
}

/** 64 connections, for some seconds; `next` makes each request. */
export async function load(
  url: string,
  seconds: number,
  next: () => { method?: 'GET' | 'POST'; path: string; body?: string },
): Promise<Load> {
  const result = await autocannon({
    url,
    connections: 64,
    duration: seconds,
    requests: [
      {
        setupRequest(request) {
          const { method = 'GET', path, body } = next();
          const headers = body === undefined ? {} : { 'content-type': 'application/json' };
          return { ...request, method, path, headers, ...(body === undefined ? {} : { body }) };
        },
      },
    ],
  });
  return {
    perSecond: result['2xx'] / result.duration,
    p99Ms: result.latency.p99,
    non2xx: result.non2xx + result.errors,
  };
}

/** Publishes a version for every device. */
export async function publish(service: Node, image: Uint8Array, version = '2.0.0'): Promise<void> {
  const response = await fetch(
    `${service.url}/api/v1/firmware?model=esp32&version=${version}&rollout=all`,
    {
      method: 'PUT',
      headers: { 'x-api-key': benchKey, 'content-type': 'application/octet-stream' },
      body: image,
    },
  );
  if (!response.ok) throw new Error(await response.text());
}

export async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}
