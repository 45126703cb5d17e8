#!/usr/bin/env node
import { text } from 'node:stream/consumers';
import type { Output } from './cli/io.ts';
import { main } from './cli/main.ts';

const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => interrupt.abort());
}
for (const stream of [process.stdout, process.stderr]) {
  // A reader that went away (`ota watch | head`) is no failure of ours, and ends what would go on, as Ctrl-C does.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    interrupt.abort();
  });
}
const output = (stream: NodeJS.WriteStream): Output => ({
  write: (words) => void stream.write(words),
  isTTY: stream.isTTY === true,
  columns: stream.columns ?? 80,
});

void main(process.argv.slice(2), {
  cwd: process.cwd(),
  env: process.env,
  stdout: output(process.stdout),
  stderr: output(process.stderr),
  signal: interrupt.signal,
  readStdin: () => text(process.stdin),
  now: () => new Date(),
  random: Math.random,
}).then(async (exitCode) => {
  // Everything is closed and said. Waiting for the engine's own background work costs up to 70 ms.
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise((done) => stream.write('', done));
  }
  process.exit(exitCode);
});
