import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

const cli = resolve(import.meta.dirname, '../../tools/cli.ts');
const tsx = resolve(import.meta.dirname, '../../node_modules/tsx/dist/cli.mjs');

export interface ServiceProcess {
  readonly url: string;
  readonly lines: readonly string[];
  /** What it was started with. */
  readonly words: readonly string[];
  /** Ends it at once, as a power loss would. */
  kill(): Promise<void>;
  /** Ends it in order; gives the exit status. */
  stop(): Promise<number | null>;
}

/** `ota serve` as a process of its own, ready to answer. */
export async function startServiceProcess(
  words: readonly string[],
  options: { cwd: string; env?: Record<string, string> },
): Promise<ServiceProcess> {
  const freePort = words.includes('--port') ? [] : ['--port', '0'];
  const child = spawn(process.execPath, [tsx, cli, 'serve', ...freePort, ...words], {
    cwd: options.cwd,
    env: { ...process.env, OTA_LOG_LEVEL: 'error', ...options.env },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true, // tsx starts a child of its own: a group can be killed together
  });
  const lines: string[] = [];
  const url = await new Promise<string>((done, fail) => {
    child.once('error', fail);
    child.once('exit', (code) => fail(new Error(`ota serve ended with ${code}`)));
    createInterface(child.stdout).on('line', (text) => {
      lines.push(text);
      const found = /OTA service at (\S+)/.exec(text)?.[1];
      if (found !== undefined) done(found);
    });
  });
  return {
    url,
    lines,
    words,
    async kill() {
      await signalGroup(child, 'SIGKILL');
    },
    stop: () => signalGroup(child, 'SIGTERM'),
  };
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  const ended = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
  process.kill(-(child.pid ?? 0), signal);
  return ended;
}
