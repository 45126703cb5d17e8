import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import reportSchema from '../../schemas/deploy-report.schema.json' with { type: 'json' };
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import type { DeployReport } from '../../tools/core/release/deploy-report.ts';
import { defineSchema } from '../../tools/core/schema.ts';
import { runOta } from '../support/io.ts';
import { adminKey, startService } from '../support/service.ts';
import { createFolder } from '../support/temporary-workspace.ts';

const checkReport = defineSchema(reportSchema);
const image = (version: string): Uint8Array =>
  buildImage({ chip: 'esp32', project: 'app', version });

/** A service, and a product whose version 1.1.0 is packaged for it. */
async function createProduct(query = '?model={hardware}', protocols = ['https']) {
  const service = await startService();
  const cwd = await createFolder({
    'ota/manifest.json': {
      schema_version: 1,
      product: { name: 'app', hardware: 'esp32' },
      deployment: {
        default_protocols: protocols,
        channels: {
          mqtt: { broker: 'mqtts://broker.example.com', topic: 'fw' },
          https: {
            url: `${service.url}/api/v1/firmware${query}`,
            allow_http: true,
            headers: { 'X-API-Key': '${OTA_API_KEY}' },
          },
        },
      },
      versions: [],
    },
  });
  await writeFile(join(cwd, 'app.bin'), image('1.1.0'));
  const ota = (...words: string[]) => runOta(words, { cwd, env: { OTA_API_KEY: adminKey } });
  const packaging = ['package', '--binary', 'app.bin', '--version', '1.1.0', '--update-manifest'];
  expect((await ota(...packaging)).exitCode).toBe(0);
  const rollouts = async () => (await service.call('GET', '/api/admin/rollouts')).body.rollouts;
  /** Deploys and gives the report, which fits its schema. */
  async function deploy(...words: string[]) {
    const ran = await ota(
      'deploy',
      '--version',
      '1.1.0',
      '--transport',
      'https',
      '--json',
      ...words,
    );
    const report = JSON.parse(ran.stdout) as DeployReport;
    if (report.deliveries !== undefined) expect(checkReport(report)).toEqual([]);
    return { ...ran, report, delivery: report.deliveries?.[0] };
  }
  return { cwd, service, ota, deploy, rollouts };
}

describe('ota deploy to the service', () => {
  it('packages, publishes and starts the rollout of the URL in one path; a second run changes nothing', async () => {
    const { service, deploy, rollouts } = await createProduct('?model={hardware}&rollout=all');
    for (let run = 0; run < 2; run += 1) {
      const deployed = await deploy();
      expect(deployed.exitCode, deployed.stdout + deployed.stderr).toBe(0);
    }
    expect(await service.check('d1', '1.0.0')).toMatchObject({
      update_available: true,
      latest_version: '1.1.0',
      file_size: image('1.1.0').length,
    });
    expect(await rollouts()).toHaveLength(1);
  });

  it('brings the signature along, which a model may demand', async () => {
    const { cwd, service, ota, deploy } = await createProduct();
    expect((await ota('keygen', '--out', 'release.pem')).exitCode).toBe(0);
    const public_keys = [await readFile(join(cwd, 'release.pub.pem'), 'utf8')];
    await service.call('PUT', '/api/v1/models/esp32', { public_keys });
    const unsigned = await deploy();
    expect(unsigned.exitCode).toBe(1);
    expect(unsigned.delivery?.error?.message).toContain('signature');
    expect((await ota('sign', '--version', '1.1.0', '--key', 'release.pem')).exitCode).toBe(0);
    const signed = await deploy('--rollout', 'all');
    expect(signed.exitCode, signed.stdout + signed.stderr).toBe(0);
    const signature = await readFile(await signatureFile(cwd));
    const answer = await service.check('d1', '1.0.0');
    expect(answer).toMatchObject({
      update_available: true,
      signature: signature.toString('base64'),
    });
  });
});

/** The one that `ota sign` has written beside the firmware. */
async function signatureFile(cwd: string): Promise<string> {
  const folder = join(cwd, 'ota/versions/1.1.0');
  const name = (await readdir(folder)).find((one) => one.endsWith('.sig'));
  return join(folder, name ?? 'none.sig');
}

describe('ota deploy --rollout', () => {
  it('says in a dry run for whom the release is, and sends nothing', async () => {
    const { ota, deploy, rollouts } = await createProduct();
    const { exitCode, delivery } = await deploy('--rollout', 'canary:13', '--dry-run');
    expect(exitCode).toBe(0);
    expect(delivery).toMatchObject({ status: 'planned', rollout: { asked: 'canary:13' } });
    const words = ['deploy', '--version', '1.1.0', '--rollout', 'canary:13', '--dry-run'];
    expect((await ota(...words)).stdout).toContain('[dry-run]   rollout canary:13\n');
    expect(await rollouts()).toEqual([]);
  });

  it('starts the rollout with the release; a second run changes nothing', async () => {
    const { service, deploy, rollouts } = await createProduct();
    const { exitCode, delivery } = await deploy('--rollout', 'canary:13');
    expect(exitCode).toBe(0);
    const facts = { name: 'esp32-1.1.0', state: 'running', audience: 'canary:13' };
    expect(delivery?.rollout).toEqual({ asked: 'canary:13', outcome: 'created', ...facts });
    // Buckets 69 and 12.
    expect(await service.check('esp32_001', '1.0.0')).toMatchObject({ update_available: false });
    expect(await service.check('esp32_002', '1.0.0')).toMatchObject({ update_available: true });
    const again = await deploy('--rollout', 'canary:13');
    expect(again.exitCode).toBe(0);
    expect(again.delivery).toMatchObject({
      rollout: { outcome: 'unchanged', ...facts },
      warnings: [],
    });
    expect(await rollouts()).toHaveLength(1);
  });

  it('tells people what became of it', async () => {
    const { ota } = await createProduct();
    const words = ['deploy', '--version', '1.1.0', '--rollout', 'groups:a,b'];
    const { stdout } = await ota(...words);
    expect(stdout).toContain('  rollout groups:a,b\n');
    expect(stdout).toContain('  rollout esp32-1.1.0 created: running, groups:a,b\n');
  });

  it('wins over the rollout of the URL', async () => {
    const { deploy, rollouts } = await createProduct('?model={hardware}&rollout=all');
    const { delivery } = await deploy('--rollout', 'devices:d1,d2');
    expect(delivery?.destination).toContain('rollout=devices%3Ad1%2Cd2');
    expect(await rollouts()).toMatchObject([
      { target_type: 'specific', target_filter: { device_ids: ['d1', 'd2'] } },
    ]);
  });

  it.each([
    ['raised', { rollout_percentage: 25 }, 'running, canary:25'],
    ['paused', { is_active: false }, 'paused, canary:13'],
  ])('leaves a rollout that was %s as it is, and says so', async (_what, change, words) => {
    const { service, deploy, rollouts } = await createProduct();
    await deploy('--rollout', 'canary:13');
    await service.call('PATCH', '/api/admin/rollout/esp32-1.1.0', change);
    const before = await rollouts();
    const { exitCode, delivery } = await deploy('--rollout', 'canary:13');
    expect(exitCode).toBe(0);
    expect(delivery).toMatchObject({
      rollout: { outcome: 'kept' },
      warnings: [expect.stringContaining(`esp32-1.1.0 already (${words})`)],
    });
    expect(await rollouts()).toEqual(before);
  });

  it('does not go round a rollout of the release that was stopped under another name', async () => {
    const { service, deploy, rollouts } = await createProduct();
    await deploy();
    await service.rollout('by hand', '1.1.0');
    await service.call('POST', '/api/admin/rollout/by%20hand/pause');
    const { delivery } = await deploy('--rollout', 'all');
    expect(delivery?.rollout).toMatchObject({ outcome: 'kept', name: 'by hand', state: 'paused' });
    expect(await rollouts()).toHaveLength(1);
    expect(await service.check('d1', '1.0.0')).toMatchObject({ update_available: false });
  });

  it('fails when the name belongs to the rollout of another release', async () => {
    const { service, deploy } = await createProduct();
    await service.upload('1.0.0', image('1.0.0'));
    await service.rollout('esp32-1.1.0', '1.0.0');
    const { exitCode, delivery } = await deploy('--rollout', 'all');
    expect(exitCode).toBe(1);
    expect(delivery).toMatchObject({ status: 'failed', rollout: { asked: 'all' } });
    expect(delivery?.error?.message).toContain('rollout-exists');
  });

  it.each([
    [['--rollout', 'canary:200'], 'audience-invalid', 'canary:10'],
    [
      ['--rollout', 'canary:10', '--set', 'https.url=https://x.example/fw'],
      'rollout-unsupported',
      'ota serve',
    ],
    [['--rollout', 'canary:10', '--set', 'https.method=PATCH'], 'rollout-unsupported', 'ota serve'],
  ])('refuses %j before anything is sent', async (words, code, hint) => {
    const { service, deploy } = await createProduct();
    for (const dryRun of [[], ['--dry-run']]) {
      const { exitCode, stderr } = await deploy(...words, ...dryRun);
      expect(exitCode).toBe(2);
      expect(stderr).toContain(`code: ${code}`);
      expect(stderr).toMatch(new RegExp(`hint: .*${hint}`));
    }
    expect((await service.call('GET', '/api/ota/admin/firmware')).body).toEqual([]);
  });

  it('refuses a transport that hands out to all at once', async () => {
    const { ota } = await createProduct('', ['mqtt', 'https']);
    const { exitCode, stderr } = await ota(
      'deploy',
      '--version',
      '1.1.0',
      '--rollout',
      'canary:10',
    );
    expect(exitCode).toBe(2);
    expect(stderr).toContain('mqtt cannot start the rollout canary:10');
    expect(stderr).toContain('hint: Choose https with --transport');
    expect(stderr).toContain('code: rollout-unsupported');
  });
});

describe("the publisher's door", () => {
  const put = async (url: string, bytes: Uint8Array) => {
    const response = await fetch(url, {
      method: 'PUT',
      body: bytes as Uint8Array<ArrayBuffer>,
      headers: { 'x-api-key': adminKey, 'content-type': 'application/octet-stream' },
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  it('refuses a rollout that it does not understand, and takes no release', async () => {
    const service = await startService();
    const url = `${service.url}/api/v1/firmware?model=esp32&version=1.1.0&rollout=canary`;
    expect(await put(url, image('1.1.0'))).toMatchObject({
      status: 422,
      body: { code: 'audience-invalid' },
    });
    expect((await service.call('GET', '/api/ota/admin/firmware')).body).toEqual([]);
  });

  it('starts one rollout for publishers that come at the same time', async () => {
    const service = await startService();
    const url = `${service.url}/api/v1/firmware?model=esp32&version=1.1.0&rollout=all`;
    const answers = await Promise.all([1, 2, 3, 4].map(() => put(url, image('1.1.0'))));
    expect(answers.map(({ body }) => body.rollout_outcome).sort()).toEqual([
      'created',
      'unchanged',
      'unchanged',
      'unchanged',
    ]);
    expect((await service.call('GET', '/api/admin/rollouts')).body.rollouts).toHaveLength(1);
  });

  it('takes the words of seed 003 for an audience, and cuts a long list in its answer', async () => {
    const service = await startService();
    const ids = Array.from({ length: 200 }, (_, index) => `device-${index}`).join(',');
    const url = `${service.url}/api/v1/firmware?model=esp32&version=1.1.0&rollout=specific:${ids}`;
    const { status, body } = await put(url, image('1.1.0'));
    expect(status).toBe(201);
    expect(String(body.rollout_audience)).toMatch(/^devices:device-0,.*…$/);
  });
});
