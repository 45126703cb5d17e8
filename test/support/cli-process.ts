import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Ran } from './io.ts';

/** The built command line; `npm run build` makes it. */
export const cliPath = resolve(import.meta.dirname, '../../dist/cli.cjs');

/** Starts the built command line as a process of its own. */
export function startOta(
  words: readonly string[],
  options: { cwd: string; env?: Record<string, string> },
): { child: ChildProcess; done: Promise<Ran & { signal: NodeJS.Signals | null }> } {
  const child = spawn(process.execPath, [cliPath, ...words], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<{ exitCode: number; signal: NodeJS.Signals | null }>((done, fail) => {
    child.on('error', fail);
    child.on('close', (exitCode, signal) => done({ exitCode: exitCode ?? -1, signal }));
  });
  const done = Promise.all([text(child.stdout), text(child.stderr), ended]).then(
    ([stdout, stderr, end]) => ({ stdout, stderr, ...end }),
  );
  return { child, done };
}
