import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createHttpsReceiver } from '../../tools/simulator/https-receiver.ts';
import { testBroker, testFleet, testImage, testUpdateServer } from '../support/fleet.ts';
import { runOta } from '../support/io.ts';
import { createFolder, sampleManifest } from '../support/temporary-workspace.ts';

const image = testImage('1.1.0');
const now = new Date('2024-01-15T10:30:00Z');

/** A project with a build, and stand-ins for ssh and scp that work on this machine. */
async function project(config: Record<string, unknown> = {}) {
  const cwd = await createFolder({
    'build/esp32-bms-monitor.bin': image,
    'ota_deploy_config.json': config,
  });
  const bin = join(cwd, 'bin');
  await mkdir(bin);
  await writeFile(
    join(bin, 'ssh'),
    `#!/bin/sh
echo "ssh $*" >> '${cwd}/calls'
while :; do case "$1" in -o|-p|-l) shift 2;; --) shift; break;; -*) shift;; *) break;; esac; done
shift
exec sh -c "$*"
`,
  );
  await writeFile(
    join(bin, 'scp'),
    `#!/bin/sh
echo "scp $*" >> '${cwd}/calls'
literal=no
while :; do case "$1" in -o|-P) shift 2;; -s) literal=yes; shift;; --) shift; break;; -*) shift;; *) break;; esac; done
if [ $literal = yes ]; then cp -- "$1" "\${2#*:}"; else eval cp -- "$1" \${2#*:}; fi
`,
  );
  for (const name of ['ssh', 'scp']) await chmod(join(bin, name), 0o755);
  const env = { PATH: `${bin}:/usr/bin:/bin` };
  return {
    cwd,
    ota: (...words: string[]) => runOta(words, { cwd, env, now }),
    live: (...words: string[]) => runOta(words, { cwd, env, live: true }),
    calls: async () => (await readFile(join(cwd, 'calls'), 'utf8').catch(() => '')).split('\n'),
  };
}

async function listed(folder: string): Promise<string[]> {
  return (await readdir(folder)).sort();
}

describe('ota publish', () => {
  it('puts the build into a folder: firmware, firmware.bin, version.json', async () => {
    const { ota, cwd } = await project({ server: { upload: 'www' } });
    const ran = await ota('publish', '--config', 'ota_deploy_config.json');
    expect(ran.stderr).toBe('');
    expect(ran.exitCode).toBe(0);
    const names = await listed(join(cwd, 'www'));
    expect(names).toEqual([
      expect.stringMatching(/^firmware-1\.1\.0-[0-9a-f]{12}\.bin$/),
      'firmware.bin',
      'version.json',
    ]);
    expect(JSON.parse(await readFile(join(cwd, 'www/version.json'), 'utf8'))).toMatchObject({
      version: '1.1.0',
      build_date: '2024-01-15T10:30:00Z',
      min_version: '1.0.0',
      size: image.length,
      file: names[0],
    });
    expect(await readFile(join(cwd, 'www', names[0] ?? ''))).toEqual(Buffer.from(image));
  });

  it('warns when the image calls itself otherwise', async () => {
    const { ota } = await project();
    const ran = await ota(
      ...['publish', '--binary', 'build/esp32-bms-monitor.bin', '--to', 'www'],
      ...['--version', '2.0.0'],
    );
    expect(ran.stdout).toContain(
      'warning: the image calls itself 1.1.0: that is what devices will report, not 2.0.0',
    );
  });

  it('touches nothing in a dry run', async () => {
    const { ota, cwd } = await project({ server: { upload: 'www' } });
    const ran = await ota('publish', '--config', 'ota_deploy_config.json', '--dry-run');
    expect(ran.stdout).toContain('[dry-run] would publish 1.1.0');
    expect(await listed(cwd)).not.toContain('www');
  });

  it.each(['plain', "odd 'folder'; touch pwned; $(touch pwned)"])(
    'goes over ssh into a folder called %s',
    async (name) => {
      const { ota, cwd, calls } = await project();
      const folder = join(cwd, name);
      const ran = await ota(
        ...['publish', '--binary', 'build/esp32-bms-monitor.bin', '--to', `pi@nas:${folder}`],
      );
      expect(ran.stderr).toBe('');
      expect(await listed(folder)).toEqual([
        expect.stringMatching(/^firmware-1\.1\.0-/),
        'firmware.bin',
        'version.json',
      ]);
      expect(await listed(cwd)).not.toContain('pwned');
      expect((await calls()).filter((call) => call.includes('BatchMode=yes')).length).toBe(
        (await calls()).filter((call) => /^(ssh|scp)/.test(call)).length,
      );
    },
  );

  it("publishes to the seed's paths, version.json in its own folder", async () => {
    const { cwd, live } = await project();
    const config = {
      server: {
        base_url: 'http://nas.local',
        username: 'pi',
        firmware_path: join(cwd, 'fw/firmware.bin'),
        version_path: join(cwd, 'meta/version'),
      },
    };
    await writeFile(join(cwd, 'seed.json'), JSON.stringify(config));
    const ran = await live('publish', '--config', 'seed.json');
    expect(ran.exitCode).toBe(0);
    expect(await listed(join(cwd, 'meta'))).toEqual(['version']);
    expect(await listed(join(cwd, 'fw'))).toContain('firmware.bin');
  });

  it('leaves nothing behind when the server refuses', async () => {
    const { ota, cwd } = await project();
    const folder = join(cwd, 'server');
    await mkdir(join(folder, 'version.json/full'), { recursive: true });
    const ran = await ota(
      ...['publish', '--binary', 'build/esp32-bms-monitor.bin', '--to', `nas:${folder}`],
    );
    expect(ran.stderr).toContain('code: publish-failed');
    expect(ran.exitCode).toBe(1);
    expect((await listed(folder)).filter((name) => name.startsWith('.ota-tmp'))).toEqual([]);
  });

  it('uploads to a URL, version.json last', async () => {
    const receiver = await createHttpsReceiver({
      credentials: { username: 'ci', password: 'hunter22' },
    });
    onTestFinished(() => receiver.close());
    const { ota } = await project({
      server: { upload: `${receiver.url}/fw`, username: 'ci', password: 'hunter22' },
    });
    const ran = await ota('publish', '--config', 'ota_deploy_config.json');
    expect(ran.stderr).toBe('');
    expect(receiver.uploads.map(({ path }) => path)).toEqual([
      expect.stringMatching(/^\/fw\/firmware-1\.1\.0-/),
      '/fw/firmware.bin',
      '/fw/version.json',
    ]);
    expect(receiver.uploads[0]?.body).toEqual(Buffer.from(image));
    expect(JSON.parse(String(receiver.uploads[2]?.body))).toMatchObject({ version: '1.1.0' });
  });

  it('gives the password of the configuration to the server of the configuration alone', async () => {
    const credentials = { username: 'ci', password: 'hunter22' };
    const receiver = await createHttpsReceiver({ credentials });
    onTestFinished(() => receiver.close());
    const publishWith = async (base_url: string) => {
      const { ota } = await project({ server: { base_url, ...credentials } });
      return await ota('publish', '--config', 'ota_deploy_config.json', '--to', receiver.url);
    };
    expect((await publishWith('https://nas.example.com')).stderr).toContain('code: unauthorized');
    expect(receiver.uploads).toEqual([]);
    expect((await publishWith(receiver.url)).stderr).toBe('');
    expect(receiver.uploads).toHaveLength(3);
  });

  it('finds a release in a folder elsewhere, with --output', async () => {
    const { ota, cwd } = await project();
    await mkdir(join(cwd, 'ota'));
    const manifest = sampleManifest({ product: { name: 'Gateway', hardware: 'esp32' } });
    await writeFile(join(cwd, 'ota/manifest.json'), JSON.stringify(manifest));
    const binary = ['--binary', 'build/esp32-bms-monitor.bin', '--version', '1.1.0'];
    const output = ['--output', 'releases'];
    expect((await ota('package', ...binary, ...output, '--update-manifest')).stderr).toBe('');
    const refused = await ota('publish', '--to', 'www');
    expect(refused.stderr).toContain('for a folder of releases elsewhere give it with --output');
    const ran = await ota('publish', '--to', 'www', ...output);
    expect(ran.stderr).toBe('');
    expect(await listed(join(cwd, 'www'))).toContain('version.json');
  });

  it('never shows user and password of a URL', async () => {
    const { ota } = await project();
    const to = ['publish', '--binary', 'build/esp32-bms-monitor.bin', '--dry-run', '--to'];
    const good = await ota(...to, 'https://ci:hunter22@fw.example.com/fw');
    expect(good.stdout).toContain(' to https://***@fw.example.com/fw\n');
    const bad = await ota(...to, 'https://ci:hunter22@fw.example.com:port/fw');
    expect(bad.stderr).toContain('the target "https://***@fw.example.com:port/fw" is not a URL');
    expect(`${good.stdout}${good.stderr}${bad.stdout}${bad.stderr}`).not.toContain('hunter22');
  });

  it.each([
    [['publish', '--config', 'none.json'], 'deploy-config-missing'],
    [['publish', '--binary', 'none.bin', '--to', 'www'], 'binary-missing'],
    [['publish', '--config', 'ota_deploy_config.json'], 'deploy-config-invalid'],
    [['publish', '--to', 'www'], 'manifest-missing'],
  ])('refuses %j with %s', async (words, code) => {
    const { ota } = await project();
    const ran = await ota(...words);
    expect(ran.stderr).toContain(`code: ${code}`);
    expect(ran.exitCode).toBe(2);
  });

  it('then commands the devices, and ends with what became of them', async () => {
    const broker = await testBroker();
    const server = await testUpdateServer('1.1.0', image);
    const topics = { command_topic: 'bms/ota/command', status_topic: 'bms/ota/status' };
    await testFleet(broker.url, 1, { server_url: server.url, ...topics });
    const { live } = await project({
      server: { upload: 'www' },
      mqtt: { broker: '127.0.0.1', port: broker.port, timeout: 1 },
    });
    const ran = await live('publish', '--config', 'ota_deploy_config.json', '--command', 'update');
    expect(ran.stdout).toContain('dev-0000  updated  runs 1.1.0');
    expect(ran.exitCode).toBe(0);
  });
});
