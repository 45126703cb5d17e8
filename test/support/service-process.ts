import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

const cli = resolve(import.meta.dirname, '../../tools/cli.ts');

export interface ServiceProcess {
  readonly url: string;
  readonly pid: number;
  /** Standard output. */
  readonly lines: readonly string[];
  /** What it was started with. */
  readonly words: readonly string[];
  /** Everything that it logged. */
  log(): string;
  /** Ends it at once, as a power loss would. */
  kill(): Promise<void>;
  /** Ends it in order; gives the exit status. */
  stop(): Promise<number | null>;
}

export interface ServiceProcessOptions {
  readonly cwd: string;
  readonly env?: Record<string, string>;
  /** What the process is started with, such as `prlimit --fsize=1000000`: it must become the process. */
  readonly wrapper?: readonly string[];
}

/** Nothing survives a test run that ends in the middle. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** `ota serve` as a process of its own, ready to answer. */
export async function startServiceProcess(
  words: readonly string[],
  options: ServiceProcessOptions,
): Promise<ServiceProcess> {
  const freePort = words.includes('--port') ? [] : ['--port', '0'];
  const node = [process.execPath, '--import', import.meta.resolve('tsx'), cli];
  const [program = '', ...args] = [...(options.wrapper ?? []), ...node];
  const child = spawn(program, [...args, 'serve', ...freePort, ...words], {
    cwd: options.cwd,
    env: { ...process.env, OTA_LOG_LEVEL: 'error', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let log = '';
  child.stderr.on('data', (text: Buffer) => {
    log += text;
  });
  const lines: string[] = [];
  const url = await new Promise<string>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => fail(new Error(`ota serve ended with ${code}:\n${log}`)));
    createInterface(child.stdout).on('line', (text) => {
      lines.push(text);
      const found = /OTA service at (\S+)/.exec(text)?.[1];
      if (found !== undefined) done(found);
    });
  });
  return {
    url,
    pid: child.pid ?? 0,
    lines,
    words,
    log: () => log,
    async kill() {
      await end(child, 'SIGKILL');
    },
    stop: () => end(child, 'SIGTERM'),
  };
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  const ended = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
  child.kill(signal);
  return ended;
}
