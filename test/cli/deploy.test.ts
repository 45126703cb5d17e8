import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import reportSchema from '../../schemas/deploy-report.schema.json' with { type: 'json' };
import { fingerprintOf } from '../../tools/core/integrity.ts';
import { defineSchema } from '../../tools/core/schema.ts';
import { runOta } from '../support/io.ts';
import { startServers } from '../support/servers.ts';
import { createFolder, sampleImage, sampleManifest } from '../support/temporary-workspace.ts';

const { sha256 } = fingerprintOf(sampleImage());
const checkReport = defineSchema(reportSchema);

/** A packaged product whose channels lead to servers in this process. */
async function createProduct() {
  const { env, ca, ...servers } = await startServers();
  const cwd = await createFolder({
    'app.bin': sampleImage(),
    'ota/ca.pem': ca,
    'ota/manifest.json': sampleManifest({
      deployment: {
        channels: {
          mqtt: {
            broker: '${OTA_BROKER}',
            topic: 'fleet/{version}',
            username: '${OTA_USER}',
            password: '${OTA_PASSWORD}',
            ca: 'ca.pem',
          },
          https: {
            url: '${OTA_SERVER}/{filename}',
            headers: { Authorization: 'Basic ${OTA_BASIC}' },
            ca: 'ca.pem',
          },
        },
      },
    }),
  });
  await runOta(['package', '--binary', 'app.bin', '--version', '1.2.3', '--update-manifest'], {
    cwd,
  });
  const deploy = (words: string[], variables: Record<string, string> = env) =>
    runOta(['deploy', '--version', '1.2.3', ...words], { cwd, env: variables });
  return { cwd, env, deploy, ...servers };
}

describe('ota deploy', () => {
  it('says what it is going to do, how each delivery went, and the sum', async () => {
    const { deploy, env } = await createProduct();
    const { OTA_BROKER: broker, OTA_SERVER: server } = env;
    const { exitCode, stdout, stderr } = await deploy([]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`Gateway 1.2.3: 2 deliveries
mqtt: Gateway-1.2.3.bin -> ${broker} topic fleet/1.2.3
  2048 bytes (2.0 KB), SHA-256 ${sha256}, verified
https: Gateway-1.2.3.bin -> PUT ${server}/Gateway-1.2.3.bin
  2048 bytes (2.0 KB), SHA-256 ${sha256}, verified
ok: mqtt Gateway-1.2.3.bin -> ${broker} topic fleet/1.2.3 (2.0 KB in 0.0 s, 1 attempt)
  answer: PUBACK
  warning: the broker does not speak MQTT 5; MQTT 3.1.1 was used, without user properties
ok: https Gateway-1.2.3.bin -> PUT ${server}/Gateway-1.2.3.bin (2.0 KB in 0.0 s, 1 attempt)
  answer: 201 Created: stored
2 of 2 delivered
`);
    expect(stderr).toBe(`mqtt Gateway-1.2.3.bin: attempt 1
mqtt Gateway-1.2.3.bin: delivered
https Gateway-1.2.3.bin: attempt 1
https Gateway-1.2.3.bin: delivered
`);
  });

  it('says what was delivered also when its report cannot be written', async () => {
    const { deploy } = await createProduct();
    const ran = await deploy(['--report', 'app.bin/report.json']);
    expect(ran.stdout).toContain('2 of 2 delivered\n');
    expect(ran.stderr).toContain('code: write-failed');
    expect(ran.exitCode).toBe(1);
  });

  it('needs no variables and no network for a dry run, and names what a live run would miss', async () => {
    const { deploy } = await createProduct();
    const { exitCode, stdout, stderr } = await deploy(['--dry-run', '--transport', 'mqtt'], {});
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toBe(`[dry-run] Gateway 1.2.3: 1 delivery
[dry-run] mqtt: Gateway-1.2.3.bin -> not known before OTA_BROKER is set
[dry-run]   2048 bytes (2.0 KB), SHA-256 ${sha256}, verified
[dry-run]   settings {"broker":"\${OTA_BROKER}","topic":"fleet/{version}","username":"\${OTA_USER}","password":"\${OTA_PASSWORD}","ca":"ca.pem"}
warning: mqtt.broker: \${OTA_BROKER} has no value; a live run stops here
warning: mqtt.username: \${OTA_USER} has no value; a live run stops here
warning: mqtt.password: \${OTA_PASSWORD} has no value; a live run stops here
dry run: nothing was sent
`);
  });

  it('takes variables from a file, and writes the report to one', async () => {
    const { cwd, env, deploy, receiver } = await createProduct();
    const lines = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    await writeFile(join(cwd, 'prod.env'), lines.join('\n'));
    const words = [
      '--transport',
      'https',
      '--env-file',
      'prod.env',
      '--report',
      'report.json',
      '--json',
    ];
    const { exitCode, stdout, stderr } = await deploy(words, {});
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(receiver.uploads[0]?.sha256).toBe(sha256);
    const report = JSON.parse(stdout);
    expect(checkReport(report)).toEqual([]);
    expect(JSON.parse(await readFile(join(cwd, 'report.json'), 'utf8'))).toEqual(report);
  });

  it('goes on after a refusal, names code and remedy, and ends with 1', async () => {
    const { env, deploy, receiver } = await createProduct();
    const { exitCode, stdout } = await deploy(['--progress', 'none'], {
      ...env,
      OTA_PASSWORD: 'wrong-password',
    });
    expect(exitCode).toBe(1);
    expect(stdout).toContain('failed: mqtt Gateway-1.2.3.bin');
    expect(stdout).toContain('code: unauthorized');
    expect(stdout).toMatch(/hint: /);
    expect(stdout).toContain('1 of 2 delivered');
    expect(stdout).not.toContain('wrong-password');
    expect(receiver.uploads).toHaveLength(1);
  });

  it('never shows a secret, whatever it prints', async () => {
    const { env, deploy } = await createProduct();
    for (const words of [['--dry-run'], [], ['--json'], ['--verbose']]) {
      const { stdout, stderr } = await deploy(words);
      for (const name of ['OTA_PASSWORD', 'OTA_BASIC'] as const) {
        expect(stdout + stderr).not.toContain(env[name]);
      }
    }
  });

  it.each([
    [['--transport', 'mqtr'], 'transport-unknown', 'did you mean "mqtt"?'],
    [['--artifact', 'x.bin'], 'artifact-unknown', 'It has Gateway-1.2.3.bin'],
    [['--env-file', 'none.env'], 'env-file-unreadable', 'none.env'],
    [['--set', 'https=1'], 'usage', 'transport.key=value'],
    [['--set', 'https.urll=x'], 'channel-invalid', 'unknown key "urll" (did you mean "url"?)'],
    [['--set', 'https.url=not a url'], 'channel-invalid', 'is not a URL'],
    [['--set', 'https.headers.Authorization=Bearer <token>'], 'placeholder-leftover', '<token>'],
  ])('refuses %j with %s', async (words, code, text) => {
    const { deploy, broker, receiver } = await createProduct();
    const { exitCode, stderr } = await deploy(words);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`code: ${code}`);
    expect(stderr).toContain(text);
    expect([broker.published.length, receiver.uploads.length]).toEqual([0, 0]);
  });

  it('says when a release has nothing for the transports that were asked for', async () => {
    const { cwd, env } = await createProduct();
    const words = [
      'package',
      '--binary',
      'app.bin',
      '--version',
      '2.0.0',
      '--protocols',
      'mqtt',
      '--update-manifest',
    ];
    await runOta(words, { cwd });
    const { exitCode, stderr } = await runOta(
      ['deploy', '--version', '2.0.0', '--transport', 'https'],
      { cwd, env },
    );
    expect(exitCode).toBe(2);
    expect(stderr).toContain('code: nothing-to-deploy');
  });
});
