import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

/** A server as a process of its own, in a folder of its own. */
export interface ChildServer {
  readonly folder: string;
  /** Everything it has printed since it was first started. */
  output(): string;
  /** Ends the process and starts it again with the same configuration; its files stay. */
  restart(): Promise<void>;
  /** The same with `kill -9`: the process has no time to save anything. */
  crash(): Promise<void>;
  /** Ends the process and removes the folder. */
  stop(): Promise<void>;
}

export interface ChildServerOptions {
  readonly command: string;
  /** Debian's name of what must be installed. */
  readonly debianPackage: string;
  /** Writes the configuration into the folder and returns the arguments. */
  configure(folder: string): Promise<string[]>;
  /** What the server prints when it listens. */
  readonly ready: RegExp;
}

/** Daemons stand in sbin, which is not in everybody's PATH. */
export const serverEnv = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

/** Runs a client to its end; its output as bytes. Fails when it fails. */
export async function runClient(command: string, args: readonly string[]): Promise<Buffer> {
  const { stdout } = await promisify(execFile)(command, args, {
    env: serverEnv,
    encoding: 'buffer',
    maxBuffer: 200_000_000,
  });
  return stdout;
}

/** Nothing survives a test run that ends in the middle. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a server and waits until it listens. A program that is missing fails, it does not skip. */
export async function startChildServer(options: ChildServerOptions): Promise<ChildServer> {
  const folder = await mkdtemp(join(tmpdir(), `ota-${basename(options.command)}-`));
  const args = await options.configure(folder);
  let output = '';
  let child = await launch().catch(async (error) => {
    await rm(folder, { recursive: true });
    throw error;
  });

  async function launch(): Promise<ChildProcess> {
    const started = spawn(options.command, args, { env: serverEnv, cwd: folder });
    running.add(started);
    await new Promise<void>((resolve, reject) => {
      let sinceStart = '';
      const listen = (text: Buffer) => {
        output += text;
        sinceStart += text;
        if (options.ready.test(sinceStart)) resolve();
      };
      started.stdout.on('data', listen);
      started.stderr.on('data', listen);
      started.on('error', () =>
        reject(
          new Error(`${options.command} is not there: apt-get install ${options.debianPackage}`),
        ),
      );
      started.on('exit', (code) =>
        reject(new Error(`${options.command} ended with ${code}:\n${sinceStart}`)),
      );
    });
    return started;
  }
  async function end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    const lastResort = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(lastResort);
    running.delete(child);
  }
  return {
    folder,
    output: () => output,
    async restart() {
      await end();
      child = await launch();
    },
    async crash() {
      await end('SIGKILL');
      child = await launch();
    },
    async stop() {
      await end();
      await rm(folder, { recursive: true });
    },
  };
}
