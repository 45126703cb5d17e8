import { describe, expect, it } from 'vitest';
import { buildImage } from '../../tools/core/image/build-image.ts';
import { runOta } from '../support/io.ts';
import { adminKey, startService } from '../support/service.ts';

const image = buildImage({ chip: 'esp32', project: 'app', version: '1.1.0' });

/** A service with one release and one device, and its administrator at a command line. */
async function startAdmin() {
  const service = await startService();
  await service.upload('1.1.0', image);
  await service.check('d1', '1.0.0');
  const admin = (...words: string[]) =>
    runOta(['admin', ...words], {
      cwd: service.folder,
      env: { OTA_SERVER: service.url, OTA_ADMIN_KEY: adminKey },
    });
  return { service, admin };
}

describe('whom a rollout addresses', () => {
  const create = [
    'rollout',
    'create',
    '--name',
    'r',
    '--device-type',
    'esp32',
    '--version',
    '1.1.0',
  ];

  it.each([
    [[], { target_type: 'all', rollout_percentage: 100 }],
    [['--target', 'canary:10'], { target_type: 'canary', rollout_percentage: 10 }],
    [
      ['--target', 'groups:a,b:25'],
      { target_type: 'group', target_filter: { groups: ['a', 'b'] }, rollout_percentage: 25 },
    ],
    [
      ['--target', 'devices:d1,d2'],
      { target_type: 'specific', target_filter: { device_ids: ['d1', 'd2'] } },
    ],
    [['--target', 'canary', '--percentage', '5'], { target_type: 'canary', rollout_percentage: 5 }],
    [
      ['--target', 'group', '--group', 'a', '--percentage', '7'],
      { target_type: 'group', target_filter: { groups: ['a'] }, rollout_percentage: 7 },
    ],
    [
      ['--target', 'specific', '--device', 'd1'],
      { target_type: 'specific', target_filter: { device_ids: ['d1'] } },
    ],
  ])('is what %j says', async (words, expected) => {
    const { admin, service } = await startAdmin();
    const ran = await admin(...create, ...words);
    expect(ran.exitCode, ran.stderr).toBe(0);
    const { body } = await service.call('GET', '/api/admin/rollout/r');
    expect(body).toMatchObject(expected);
  });

  it('is changed as a whole, or by its percentage alone', async () => {
    const { admin, service } = await startAdmin();
    await admin(...create, '--target', 'canary:10');
    await admin('rollout', 'set', '--name', 'r', '--target', 'groups:a');
    await admin('rollout', 'set', '--name', 'r', '--percentage', '30');
    expect((await service.call('GET', '/api/admin/rollout/r')).body).toMatchObject({
      target_type: 'group',
      target_filter: { groups: ['a'] },
      rollout_percentage: 30,
    });
  });

  it.each([
    [['--target', 'canary:200'], 'audience-invalid'],
    [['--target', 'gruop'], 'audience-invalid'],
    [['--target', 'canary:10', '--percentage', '20'], 'usage'],
    [['--target', 'groups:a', '--group', 'b'], 'usage'],
  ])('is refused as %j with %s', async (words, code) => {
    const { admin, service } = await startAdmin();
    const { exitCode, stderr } = await admin(...create, ...words);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`code: ${code}`);
    expect((await service.call('GET', '/api/admin/rollouts')).body.rollouts).toEqual([]);
  });
});
