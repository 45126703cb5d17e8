import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commands } from '../../tools/cli/commands/index.ts';
import { splitWords } from '../support/console-blocks.ts';
import { exampleFleet } from '../support/fleet.ts';
import { runOta } from '../support/io.ts';
import { createKey } from '../support/keys.ts';
import { sampleBuild } from '../support/sample-build.ts';
import { startServers } from '../support/servers.ts';
import { adminKey, startService } from '../support/service.ts';
import { createFolder, sampleImage, sampleManifest } from '../support/temporary-workspace.ts';
import { writeBuild } from '../support/write-build.ts';

const names = commands.map(({ usage }) => usage.split(' ')[0] ?? '');

describe('the command line', () => {
  it('lists every command in its help', async () => {
    const { exitCode, stdout } = await runOta(['--help'], { cwd: '.' });
    expect(exitCode).toBe(0);
    for (const { usage, summary } of commands) {
      expect(stdout).toContain(`ota ${usage.split(' ')[0]}`);
      expect(stdout.replaceAll(/\s+/g, ' ')).toContain(summary);
    }
  });

  it.each(names)('shows flags and examples of %s', async (name) => {
    const { exitCode, stdout } = await runOta([name, '--help'], { cwd: '.' });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Options:');
    expect(stdout).toContain('Examples:');
  });

  it('says its version', async () => {
    expect((await runOta(['--version'], { cwd: '.' })).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    [['de'], 'deploy'],
    [['deploy', '--ro'], '--rollout'],
  ])('prints a completion script, and completes %j', async (typed, word) => {
    expect((await runOta(['completion'], { cwd: '.' })).stdout).toContain('ota');
    const words = ['--get-yargs-completions', 'ota', ...typed];
    const { stdout } = await runOta(words, { cwd: '.' });
    expect(stdout.split('\n').map((line) => line.split(':')[0])).toContain(word);
  });

  it.each([
    [[], 'Which command? `ota --help` lists them.'],
    [['inspect'], 'a word is missing: ota inspect <path>'],
    [['serve', '--data-dri', 'x'], 'error: Unknown argument: data-dri\n'],
    [['deplpy'], 'unknown command "deplpy" (did you mean "deploy"?)'],
    [['package', '--version', '1'], 'what is to be packaged?'],
    [['package', '--binary', 'x', '--version', '1', '--lable', 'y'], 'Unknown argument: lable'],
    [['deploy', '--version', '1', '--progress', 'fast'], 'Invalid values'],
    [
      ['deploy', '--version', '1', '--retries', 'x'],
      '--retries takes a whole number from 0 to 100',
    ],
    [['deploy', '--version', '1', '--set'], 'Not enough arguments following: set'],
    [['deploy', '--version', '1', '--set', 'topic'], '--set takes transport.key=value'],
  ])('refuses %j with status 2', async (words, message) => {
    const { exitCode, stdout, stderr } = await runOta(words, { cwd: '.' });
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/hint: .+\ncode: usage\n$/);
  });

  it('prints an error as JSON for machines, too', async () => {
    const cwd = await createFolder();
    const { exitCode, stdout } = await runOta(['validate', '--manifest', 'none.json', '--json'], {
      cwd,
    });
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      findings: [{ code: 'manifest-missing' }],
    });
    const verify = await runOta(['verify', '--manifest', 'none.json', '--json'], { cwd });
    expect(verify.exitCode).toBe(2);
    expect(JSON.parse(verify.stdout)).toMatchObject({
      ok: false,
      error: { code: 'manifest-missing' },
    });
  });

  it('refuses a SOURCE_DATE_EPOCH that is no number, and uses one that is', async () => {
    const cwd = await createFolder({
      'ota/manifest.json': sampleManifest(),
      'a.bin': sampleImage(),
    });
    const words = ['package', '--binary', 'a.bin', '--version', '1.0.0', '--json'];
    expect((await runOta(words, { cwd, env: { SOURCE_DATE_EPOCH: 'now' } })).exitCode).toBe(2);
    const { stdout } = await runOta(words, { cwd, env: { SOURCE_DATE_EPOCH: '1000000000' } });
    expect(JSON.parse(stdout).release.created_at).toBe('2001-09-09T01:46:40Z');
  });
});

/** What the examples take from the environment; the signer is a program that is looked for in the path. */
const variables = { KEY_PASSPHRASE: 'correct horse', PATH: process.env.PATH ?? '' };

describe('every example that help shows', () => {
  it('works in a product that has what the example is about', { timeout: 60_000 }, async () => {
    const { ca, env } = await startServers();
    const cwd = await createFolder({
      'ota/manifest.json': exampleManifest(),
      'product/manifest.json': exampleManifest(),
      'ota/ca.pem': ca,
      'product/ca.pem': ca,
      'build/gateway.bin': sampleImage(),
      'build/project_description.json': { project_name: 'station', target: 'esp32c3' },
      'firmware.bin': sampleImage(),
      'devices.json': [{ host: 'lamp.local' }],
      '.env.production': 'OTA_NOTHING=1\n',
      ...exampleKeys(),
    });
    await writeBuild(join(cwd, 'build'), sampleBuild);
    const fleet = await exampleFleet(sampleImage(), '1.2.3');
    const service = await startService();
    await service.upload('1.1.0', Buffer.from('an image of another kind'));
    await service.check('esp32_001', '1.0.0');
    const toService = { OTA_SERVER: service.url, OTA_ADMIN_KEY: adminKey };
    await writeFile(join(cwd, 'ota_deploy_config.json'), JSON.stringify(fleet.config));
    await writeFile(join(cwd, 'fleet.json'), JSON.stringify(fleet.profile));
    for (const { usage, load } of commands) {
      for (const [command] of (await load()).examples) {
        const now = new Date(); // the certificates of `ota demo` must be valid
        const endless = endlessCommands.some((name) => usage.startsWith(name));
        const interrupt = new AbortController();
        const ran = await runOta(splitWords(command).slice(1).map(toFreePort), {
          cwd,
          env: { ...env, ...variables, ...(usage.startsWith('admin') ? toService : {}) },
          now,
          // Somebody presses Ctrl-C when the command says that it is there; a watch may have nothing to say.
          ...(endless
            ? {
                signal: usage.startsWith('watch') ? AbortSignal.timeout(1000) : interrupt.signal,
                onOutput: () => interrupt.abort(),
              }
            : {}),
        });
        expect(ran.exitCode, `${usage}: ${command}\n${ran.stdout}${ran.stderr}`).toBe(0);
      }
    }
  });
});

/** Examples name ports; tests that run beside this one may have them. */
function toFreePort(word: string): string {
  return word === '13232' ? String(20_000 + Math.floor(Math.random() * 10_000)) : word;
}

/** A key to sign with, and a stand-in for a key service, which signs a digest by RSASSA-PKCS1-v1_5. */
function exampleKeys(): Record<string, string> {
  const service = createKey('rsa');
  return {
    'keys/release.pem': createKey('ecdsa-p256').privatePem,
    'keys/service.pub.pem': service.publicPem,
    'sign-in-service.mjs': `import { constants, privateEncrypt } from 'node:crypto';
      const key = { key: ${JSON.stringify(service.privatePem)}, padding: constants.RSA_PKCS1_PADDING };
      const info = '3031300d060960864801650304020105000420' + process.argv[2];
      process.stdout.write(privateEncrypt(key, Buffer.from(info, 'hex')));`,
  };
}

const endlessCommands = ['watch', 'simulate', 'serve'];

function exampleManifest(): unknown {
  return sampleManifest({
    deployment: {
      channels: {
        mqtt: {
          broker: '${OTA_BROKER}',
          topic: 'fleet',
          username: '${OTA_USER}',
          password: '${OTA_PASSWORD}',
          ca: 'ca.pem',
        },
        https: {
          url: '${OTA_SERVER}/x',
          headers: { Authorization: 'Basic ${OTA_BASIC}' },
          ca: 'ca.pem',
        },
      },
    },
  });
}
