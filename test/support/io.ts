import type { Io, Output } from '../../tools/cli/io.ts';
import { main } from '../../tools/cli/main.ts';
import { requireConforming } from './json-output.ts';

/** What a command line did. */
export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Record<string, string>;
  readonly signal?: AbortSignal;
  readonly stdin?: string;
  readonly now?: Date;
  /** Real time, for commands that wait for others. */
  readonly live?: boolean;
  /** Called when something is written to standard output. */
  onOutput?(): void;
}

/** Runs a command line in this process, as `ota <words>` would in `cwd`; JSON that it prints fits its schema. */
export async function runOta(words: readonly string[], options: RunOptions): Promise<Ran> {
  const stdout = createSink(options.onOutput);
  const stderr = createSink();
  const io: Io = {
    cwd: options.cwd,
    env: options.env ?? {},
    stdout,
    stderr,
    signal: options.signal ?? new AbortController().signal,
    readStdin: async () => options.stdin ?? '',
    now: () =>
      options.live === true ? new Date() : (options.now ?? new Date('2026-02-03T04:05:06Z')),
    random: options.live === true ? Math.random : () => 0,
  };
  const exitCode = await main(words, io);
  requireConforming(words, stdout.text());
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

function createSink(onOutput = () => {}): Output & { text(): string } {
  let written = '';
  return {
    write: (text) => {
      written += text;
      onOutput();
    },
    isTTY: false,
    columns: 100,
    text: () => written,
  };
}
