import { createHash } from 'node:crypto';
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { testImage } from '../support/fleet.ts';
import { runOta } from '../support/io.ts';
import {
  createKey,
  type RealSshd,
  type SshClientOptions,
  type SshdOptions,
  sshClient,
  startSshd,
} from '../support/real-sshd.ts';
import { createFolder } from '../support/temporary-workspace.ts';

const image = testImage('1.1.0', 200_000);

/** A server that is reached with the given programs, and a project with a build. */
async function scene(options: SshdOptions & { client?: SshClientOptions } = {}) {
  const server = await startSshd(options);
  onTestFinished(() => server.stop());
  return { server, ...(await clientOf(server, options.client)) };
}

async function clientOf(server: RealSshd, options: SshClientOptions = {}) {
  const client = await sshClient(server, options);
  const cwd = await createFolder({ 'app.bin': image });
  const ota = (words: readonly string[], signal?: AbortSignal) =>
    runOta(words, {
      cwd,
      env: client.env,
      live: true,
      ...(signal === undefined ? {} : { signal }),
    });
  return {
    ...client,
    cwd,
    ota,
    publish: (to: string, signal?: AbortSignal) =>
      ota(['publish', '--binary', 'app.bin', '--to', to], signal),
  };
}

async function listed(folder: string): Promise<string[]> {
  return (await readdir(folder)).sort();
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const threeFiles = [
  expect.stringMatching(/^firmware-1\.1\.0-[0-9a-f]{12}\.bin$/),
  'firmware.bin',
  'version.json',
];

const odd = `it's "odd"; touch pwned; $(touch pwned) \`touch pwned\` $HOME & ! # * ? [a] {b,c} \\ ~ é`;

const ways = [
  ['rsync', 'ssh ssh ssh', {}],
  ['scp, where there is no rsync', 'ssh scp ssh', { rsync: false }],
] as const;

describe.each(ways)('a publication with %s', (_name, programs, client) => {
  it('arrives in folders of any name', async () => {
    const { server, publish, calls } = await scene({ client });
    for (const name of [odd, '-dash']) {
      const ran = await publish(`${server.host}:${server.home}/${name}`);
      expect(ran.stderr).toBe('');
      expect(await listed(join(server.home, name))).toEqual(threeFiles);
    }
    expect((await calls()).join(' ')).toBe(Array(2).fill(programs).join(' '));
    const stored = await readFile(join(server.home, odd, 'firmware.bin'));
    expect(sha256(stored)).toBe(sha256(image));
    expect(await listed(server.home)).toEqual(['-dash', odd]);
  });

  it('starts at the home folder where the folder is relative', async () => {
    const { server, publish } = await scene({ client });
    for (const folder of ['-dash', '~/a b', '']) {
      expect((await publish(`${server.host}:${folder}`)).stderr).toBe('');
    }
    expect(await listed(server.home)).toEqual(['-dash', 'a b', ...threeFiles]);
  });

  it('takes the file names of the configuration, whatever they hold', async () => {
    const { server, ota, cwd } = await scene({ client });
    const config = {
      server: {
        base_url: 'http://127.0.0.1',
        username: server.host.split('@')[0],
        firmware_path: `${server.home}/fw/-${odd}`,
        version_path: `${server.home}/meta $(x)/-v "1"'s`,
      },
      build: { firmware_path: 'app.bin' },
    };
    await writeFile(join(cwd, 'odd.json'), JSON.stringify(config));
    expect((await ota(['publish', '--config', 'odd.json'])).stderr).toBe('');
    expect(await listed(join(server.home, 'fw'))).toEqual([`-${odd}`, threeFiles[0]]);
    expect(await listed(join(server.home, 'meta $(x)'))).toEqual([`-v "1"'s`]);
  });

  it('shows readers the old version or the new one, and its firmware, at every moment', async () => {
    const { server, publish, cwd } = await scene({ client });
    const folder = join(server.home, 'fw');
    await publish(`${server.host}:fw`);
    const publishing = { on: true };
    const reading = readAllTheTime(folder, publishing);
    for (const version of ['1.2.0', '1.3.0']) {
      await writeFile(join(cwd, 'app.bin'), testImage(version, 3_000_000));
      expect((await publish(`${server.host}:fw`)).stderr).toBe('');
    }
    publishing.on = false;
    const seen = await reading;
    expect(seen.versions).toEqual(['1.1.0', '1.2.0', '1.3.0']);
    expect(seen.flaws).toEqual([]);
  });

  it('that is cut off in the middle leaves nothing behind, and nothing half done', async () => {
    const { server } = await scene();
    const proxy = await startCuttingProxy(server.port, { afterBytes: 100_000 });
    const { publish } = await clientOf(server, { ...client, port: proxy.port });
    const ran = await publish(`${server.host}:fw`);
    expect(ran.stderr).toContain(`error: the connection to ${server.host} was lost: `);
    expect(ran.stderr).toContain('code: publish-failed');
    expect(ran.stderr).not.toContain('may be left');
    expect(await listed(join(server.home, 'fw'))).toEqual([]);
  });

  it('that is cut off for good says what it may have left', async () => {
    const { server } = await scene();
    const proxy = await startCuttingProxy(server.port, { afterBytes: 100_000, thenDown: true });
    const { publish } = await clientOf(server, { ...client, port: proxy.port });
    const ran = await publish(`${server.host}:fw`);
    expect(ran.exitCode).toBe(1);
    for (const name of await listed(join(server.home, 'fw'))) {
      expect(name).toMatch(/^\.ota-tmp-[0-9a-z]+-firmware$/);
      expect(ran.stderr).toContain(`fw/${name}`);
    }
    expect(ran.stderr).toContain(`these may be left on ${server.host}`);
  });

  it('that is called off leaves nothing behind', async () => {
    const { server } = await scene();
    const proxy = await startCuttingProxy(server.port, { afterBytes: 100_000 });
    const { publish } = await clientOf(server, { ...client, port: proxy.port });
    const controller = new AbortController();
    void proxy.cut.then(() => controller.abort());
    const ran = await publish(`${server.host}:fw`, controller.signal);
    expect(ran.exitCode).toBe(130);
    expect(await listed(join(server.home, 'fw'))).toEqual([]);
  });
});

/** Reads version.json and what it names, again and again, as devices do. */
async function readAllTheTime(folder: string, publishing: { readonly on: boolean }) {
  const versions = new Set<string>();
  const flaws = new Set<string>();
  for (let on = true; on; ) {
    on = publishing.on; // once more when all is over
    const text = await readFile(join(folder, 'version.json'), 'utf8').catch(() => 'no file');
    try {
      const { version, file, sha256: expected } = JSON.parse(text);
      versions.add(version);
      const firmware = await readFile(join(folder, file)).catch(() => Buffer.alloc(0));
      if (sha256(firmware) !== expected) flaws.add(`${version}: the firmware is not there`);
    } catch {
      flaws.add(`no JSON: ${text}`);
    }
    await nextTurn();
  }
  return { versions: [...versions], flaws: [...flaws] };
}

describe('a server that is not reached', () => {
  const cases: [string, RegExp, RegExp, (server: RealSshd) => Promise<SshClientOptions>][] = [
    [
      'with a key that it does not know',
      /takes none of our keys/,
      /ssh-copy-id/,
      async () => ({ keyPath: await createKey(join(await createFolder(), 'other')) }),
    ],
    [
      'with a key whose passphrase nobody has said',
      /takes none of our keys/,
      /ssh-agent/,
      async () => ({ keyPath: await createKey(join(await createFolder(), 'locked'), 'secret') }),
    ],
    [
      'while its host key is unknown',
      /the host key of \S+ is not known here/,
      /Connect once with `ssh`/,
      async () => ({ hostKey: '' }),
    ],
    [
      'when it shows another host key than before',
      /shows another host key than the one that is known here/,
      /ssh-keygen -R/,
      async () => {
        const path = await createKey(join(await createFolder(), 'host'));
        return { hostKey: (await readFile(`${path}.pub`, 'utf8')).trim() };
      },
    ],
    ['on a port that nobody listens on', /cannot be reached/, /Port in/, async () => ({ port: 9 })],
  ];

  it.each(cases)('%s', async (_name, message, hint, options) => {
    const { server } = await scene();
    const { publish, asked } = await clientOf(server, await options(server));
    const ran = await publish(`${server.host}:fw`);
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toMatch(message);
    expect(ran.stderr).toMatch(hint);
    expect(ran.stderr).toContain('code: publish-failed');
    expect(await asked()).toBe(false);
    expect(await listed(server.home)).toEqual([]);
  });
});

describe('a server', () => {
  it('that has no rsync gets its files with scp', async () => {
    const { server, publish, calls } = await scene({ rsync: false });
    expect((await publish(`${server.host}:fw`)).stderr).toBe('');
    expect(await listed(join(server.home, 'fw'))).toEqual(threeFiles);
    expect((await calls()).join(' ')).toBe('ssh ssh scp ssh');
  });

  it('is reached at an IPv6 address', async () => {
    const { server, publish } = await scene();
    const ran = await publish(`${server.host.replace('127.0.0.1', '[::1]')}:fw`);
    expect(ran.stderr).toBe('');
    expect(await listed(join(server.home, 'fw'))).toEqual(threeFiles);
  });

  it('is rid of what a killed publication left there, after a day', async () => {
    const { server, publish } = await scene();
    const yesterday = new Date(Date.now() - 49 * 3600 * 1000);
    await publish(`${server.host}:fw`);
    const [old, fresh] = ['.ota-tmp-old-firmware', '.ota-tmp-new-firmware'];
    for (const name of [old, fresh]) await writeFile(join(server.home, 'fw', name), 'half');
    await utimes(join(server.home, 'fw', old), yesterday, yesterday);
    await publish(`${server.host}:fw`);
    expect(await listed(join(server.home, 'fw'))).toEqual([fresh, ...threeFiles]);
  });

  it('says why it cannot store a file', async () => {
    const { server, publish } = await scene();
    await publish(`${server.host}:fw/version.json`);
    const ran = await publish(`${server.host}:fw`);
    expect(ran.stderr).toContain('fw/version.json is a folder');
    expect(await listed(join(server.home, 'fw'))).toEqual(['version.json']);
  });
});
