import { describe, expect, it } from 'vitest';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { shortKeyId } from '../../tools/core/signing/key.ts';
import { signBytes } from '../../tools/core/signing/sign-bytes.ts';
import { runOta } from '../support/io.ts';
import { createKey } from '../support/keys.ts';
import { adminKey, startService } from '../support/service.ts';
import { createFolder, type Files } from '../support/temporary-workspace.ts';

const image = buildImage({ chip: 'esp32', project: 'app', version: '1.1.0' });

/** A service with one release and one device, and its administrator at a command line in a folder with files. */
async function startAdmin(files: Files = {}) {
  const cwd = await createFolder(files);
  const service = await startService();
  await service.upload('1.1.0', image);
  await service.check('d1', '1.0.0');
  const admin = (...words: string[]) =>
    runOta(['admin', ...words], {
      cwd,
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

describe('the keys of a model', () => {
  const [old, next] = [createKey('ecdsa-p256'), createKey('ed25519')];
  const set = ['models', 'set', '--device-type', 'esp32'];

  it('come from files, and are shown by their ids', async () => {
    const { admin, service } = await startAdmin({
      'old.pub.pem': old.publicPem,
      'keys/next.pem': next.publicPem,
    });
    await admin(...set, '--auth', 'token');
    const ran = await admin(...set, '--public-key', 'old.pub.pem', '--public-key', 'keys/next.pem');
    expect(ran.exitCode, ran.stderr).toBe(0);
    const key_ids = [old.publicKey.id, next.publicKey.id];
    expect((await service.call('GET', '/api/v1/models/esp32')).body).toMatchObject({
      auth: 'token',
      key_ids,
    });
    for (const words of [['list'], ['show', '--device-type', 'esp32']])
      for (const id of key_ids)
        expect((await admin('models', ...words)).stdout).toContain(shortKeyId(id));
    await admin(...set, '--unsigned');
    expect((await service.call('GET', '/api/v1/models/esp32')).body).toMatchObject({
      auth: 'token',
      key_ids: [],
    });
  });

  it.each([
    [['--public-key', 'none.pem'], 'key-unreadable'],
    [['--public-key', 'private.pem'], 'key-invalid'],
    [['--public-key', 'private.pem', '--unsigned'], 'usage'],
    [[], 'usage'],
  ])('are refused as %j with %s, before anything is sent', async (words, code) => {
    const { admin, service } = await startAdmin({ 'private.pem': old.privatePem });
    const before = (await service.call('GET', '/api/admin/events')).body;
    const { exitCode, stderr } = await admin(...set, ...words);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`code: ${code}`);
    expect((await service.call('GET', '/api/admin/events')).body).toEqual(before);
  });

  it('let an upload pass that brings its signature, in one step or two', async () => {
    const image = buildImage({ chip: 'esp32', project: 'app', version: '1.2.0' });
    const signature = Buffer.from(signBytes(old, image));
    const { admin, service } = await startAdmin({
      'key.pem': old.publicPem,
      'app.bin': image,
      'app.bin.sig': signature,
      'app.sig.txt': `${signature.toString('base64')}\n`,
    });
    await admin(...set, '--public-key', 'key.pem');
    const upload = ['upload', '--file', 'app.bin', '--device-type', 'esp32', '--version', '1.2.0'];
    const refused = await admin(...upload, '--register');
    expect([refused.exitCode, refused.stderr]).toEqual([
      2,
      expect.stringContaining('code: signature-missing'),
    ]);
    const uploaded = await admin(...upload, '--signature', 'app.bin.sig', '--json');
    const { file_size, file_hash, binary_path } = JSON.parse(uploaded.stdout);
    const registered = await admin(
      ...['register', '--device-type', 'esp32', '--version', '1.2.0', '--build', '1'],
      ...['--file-size', String(file_size), '--file-hash', file_hash],
      ...['--binary-path', binary_path, '--signature', 'app.sig.txt'],
    );
    expect(registered.exitCode, registered.stderr).toBe(0);
    const { body } = await service.call('GET', '/api/admin/firmware/releases');
    expect(body.releases).toMatchObject([{ version: '1.2.0', is_signed: true }, {}]);
  });
});
