import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Ran } from './io.ts';

/** The built command line; `npm run build` makes it. */
export const cliPath = resolve(import.meta.dirname, '../../dist/cli.cjs');

export interface StartedOta {
  readonly child: ChildProcess;
  readonly done: Promise<Ran & { signal: NodeJS.Signals | null }>;
  /** Resolves when this has been written to standard output. Rejects when the process ends before. */
  printed(pattern: RegExp): Promise<void>;
  /** `kill -9`, until the process is gone. */
  pullThePlug(): Promise<void>;
}

/** Starts the built command line as a process of its own. */
export function startOta(
  words: readonly string[],
  options: { cwd: string; env?: Record<string, string> },
): StartedOta {
  const child = spawn(process.execPath, [cliPath, ...words], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      written[name] += text;
    });
  }
  const done = once(child, 'close').then(([exitCode, signal]) => ({
    ...written,
    exitCode: (exitCode as number | null) ?? -1,
    signal: signal as NodeJS.Signals | null,
  }));
  return {
    child,
    done,
    async printed(pattern) {
      const ended = done.then(({ stdout, stderr }) => {
        throw new Error(`ended before ${pattern}:\n${stdout}${stderr}`);
      });
      ended.catch(() => {}); // it may end later
      while (!pattern.test(written.stdout)) {
        await Promise.race([once(child.stdout, 'data'), ended]);
      }
    },
    async pullThePlug() {
      child.kill('SIGKILL');
      await done;
    },
  };
}
