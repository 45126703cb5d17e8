import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { findFreePort } from './peers.ts';

const run = promisify(execFile);

/** A PostgreSQL server of our own, in a temporary folder. */
export interface RealPostgres {
  /** The address of a new, empty database. */
  makeUrl(): Promise<string>;
  /** Stops the server as a crash would. */
  crash(): Promise<void>;
  start(): Promise<void>;
  /** Stops it and removes the folder. */
  remove(): Promise<void>;
}

/** Starts a server on a free port. It refuses to run as root, so root lends it another user. */
export async function startPostgres(): Promise<RealPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'ota-postgres-'));
  const user: Partial<ReturnType<typeof systemUser>> = process.getuid?.() === 0 ? systemUser() : {};
  if (user.uid !== undefined && user.gid !== undefined) await chown(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const bin = binFolder();
  const options = { ...user, cwd: folder, env: { ...process.env, LC_ALL: 'C' } };
  await run(join(bin, 'initdb'), ['-D', data, '-U', 'ota', '-A', 'trust', '-N'], options);
  const port = await findFreePort();
  const settings = `-p ${port} -k ${folder} -c listen_addresses=127.0.0.1 -c max_connections=60`;
  const control = (...words: string[]): Promise<unknown> =>
    run(join(bin, 'pg_ctl'), ['-D', data, '-w', ...words], options);
  const start = (): Promise<unknown> => control('-l', join(folder, 'log'), '-o', settings, 'start');
  await start();
  let count = 0;
  const address = (name: string): string => `postgres://ota@127.0.0.1:${port}/${name}`;
  return {
    async makeUrl() {
      const name = `ota${++count}`;
      const client = new pg.Client(address('postgres'));
      await client.connect();
      await client.query(`create database ${name}`);
      await client.end();
      return address(name);
    },
    async crash() {
      await control('-m', 'immediate', 'stop');
    },
    async start() {
      await start();
    },
    async remove() {
      await control('-m', 'immediate', 'stop').catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function systemUser(): { uid: number; gid: number } {
  const id = (flag: string): number =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** Debian keeps the server's programs outside the search path. */
function binFolder(): string {
  const versions = '/usr/lib/postgresql';
  if (existsSync(versions)) {
    const newest = readdirSync(versions).sort((a, b) => Number(b) - Number(a))[0];
    if (newest !== undefined) return join(versions, newest, 'bin');
  }
  return execFileSync('pg_config', ['--bindir'], { encoding: 'utf8' }).trim();
}
