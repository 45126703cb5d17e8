import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { adminKey, startService } from '../support/service.ts';

const image = (version: string, seed = 1): Uint8Array =>
  buildImage({ chip: 'esp32', project: 'app', version, seed });
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** By the publisher's door: version and build are those of the image. */
async function publish(url: string, model: string, bytes: Uint8Array): Promise<void> {
  const headers = { 'x-api-key': adminKey, 'content-type': 'application/octet-stream' };
  const body = bytes as Uint8Array<ArrayBuffer>;
  const target = `${url}/api/v1/firmware?model=${model}`;
  expect((await fetch(target, { method: 'PUT', headers, body })).status).toBe(201);
}

describe('the face of seed 003', () => {
  it('takes a release from upload to confirmation', async () => {
    const service = await startService();
    const bytes = image('1.1.0');
    const uploaded = await service.upload('1.1.0', bytes, '&release_notes=Initial+release');
    expect(uploaded).toMatchObject({
      status: 200,
      body: { status: 'success', version: '1.1.0', checksum_sha256: sha256(bytes) },
    });
    expect(await service.check('d1', '1.0.0')).toMatchObject({ update_available: false });
    expect((await service.rollout('all', '1.1.0')).status).toBe(200);
    const offer = await service.check('d1', '1.0.0');
    expect(offer).toEqual({
      update_available: true,
      current_version: '1.0.0',
      latest_version: '1.1.0',
      download_url: '/api/firmware/download/1.1.0',
      file_size: bytes.length,
      checksum_sha256: sha256(bytes),
      release_notes: 'Initial release',
      checksum_md5: createHash('md5').update(bytes).digest('hex'),
      signature: null,
      reason: null,
    });
    const file = await fetch(`${service.url}${offer.download_url}`);
    expect(Buffer.from(await file.arrayBuffer())).toEqual(Buffer.from(bytes));
    expect(file.headers.get('x-checksum-sha256')).toBe(sha256(bytes));
    expect(file.headers.get('content-length')).toBe(String(bytes.length));
    for (const status of ['downloading', 'installing', 'success'])
      expect((await service.report('d1', '1.1.0', status)).status).toBe(200);
    const before = await service.call('GET', '/api/admin/update-status?device_id=d1');
    expect(before.body.updates).toMatchObject([{ status: 'success', state: 'installed' }]);
    expect(await service.check('d1', '1.1.0')).toMatchObject({
      update_available: false,
      latest_version: '1.1.0',
    });
    const after = await service.call('GET', '/api/admin/update-status?device_id=d1');
    expect(after.body.updates).toMatchObject([{ status: 'success', state: 'confirmed' }]);
    const devices = await service.call('GET', '/api/admin/devices?limit=1000');
    expect(devices.body.devices).toMatchObject([
      { device_id: 'd1', device_model: 'esp32', current_firmware_version: '1.1.0' },
    ]);
    expect((await service.call('GET', '/metrics')).body).toEqual({
      total_devices: 1,
      devices_by_model: { esp32: 1 },
      recent_updates_24h: { confirmed: 1 },
      active_rollouts: 1,
    });
  });

  it('refuses a second upload of a version and leaves the first one whole', async () => {
    const service = await startService();
    const first = image('1.1.0', 1);
    await service.upload('1.1.0', first);
    expect(await service.upload('1.1.0', image('1.1.0', 2))).toMatchObject({
      status: 409,
      body: { code: 'release-exists' },
    });
    const file = await fetch(`${service.url}/api/firmware/download/1.1.0`);
    expect(sha256(Buffer.from(await file.arrayBuffer()))).toBe(sha256(first));
  });

  it('raises a canary by PATCH, and only adds devices', async () => {
    const service = await startService();
    await service.upload('1.1.0', image('1.1.0'));
    await service.rollout('canary', '1.1.0', { target_type: 'canary', rollout_percentage: 13 });
    const offered = async () =>
      Promise.all(
        ['esp32_001', 'esp32_002', 'esp32_test1'].map(
          async (id) => (await service.check(id, '1.0.0')).update_available,
        ),
      );
    expect(await offered()).toEqual([false, true, false]); // buckets 69, 12, 16
    const patched = await service.call('PATCH', '/api/admin/rollout/canary', {
      rollout_percentage: 17,
    });
    expect(patched).toMatchObject({ status: 200, body: { rollout: { rollout_percentage: 17 } } });
    expect(await offered()).toEqual([false, true, true]);
  });

  it('pauses with is_active=false, from the next check on', async () => {
    const service = await startService();
    await service.upload('1.1.0', image('1.1.0'));
    await service.rollout('all', '1.1.0');
    expect(await service.check('d1', '1.0.0')).toMatchObject({ update_available: true });
    await service.call('PATCH', '/api/admin/rollout/all', { is_active: false });
    expect(await service.check('d1', '1.0.0')).toMatchObject({
      update_available: false,
      reason: 'paused',
    });
    expect((await service.call('POST', '/api/admin/rollout/all/resume')).body).toMatchObject({
      state: 'running',
    });
    expect(await service.check('d1', '1.0.0')).toMatchObject({ update_available: true });
  });

  it('offers to groups that were set by the API', async () => {
    const service = await startService();
    await service.upload('1.1.0', image('1.1.0'));
    await service.rollout('warehouse', '1.1.0', {
      target_type: 'group',
      target_filter: { groups: ['location:warehouse', 'function:sensor'] },
    });
    expect(await service.check('d1', '1.0.0')).toMatchObject({ update_available: false });
    await service.call('PATCH', '/api/admin/devices/d1', { groups: ['function:sensor'] });
    expect(await service.check('d1', '1.0.0')).toMatchObject({ update_available: true });
  });

  it('answers bad requests as the seed does, with our code', async () => {
    const service = await startService();
    const check = await service.call('GET', '/api/firmware/check?device_id=d1');
    expect(check).toMatchObject({
      status: 422,
      body: { code: 'request-invalid', detail: [{ loc: ['querystring', 'device_model'] }, {}] },
    });
    expect(check.headers.get('content-type')).toContain('application/problem+json');
    expect((await service.rollout('x', '9.9.9')).body).toMatchObject({ code: 'release-unknown' });
    expect((await service.report('nobody', '1.0.0', 'success')).status).toBe(404);
    await service.check('d1', '1.0.0');
    expect((await service.report('d1', '9.9.9', 'success')).status).toBe(404);
    expect((await service.report('d1', '9.9.9', 'weird')).status).toBe(422);
    const other = await service.call('POST', '/api/device/d1/update-status', {
      device_id: 'd2',
      firmware_version: '1.0.0',
      status: 'success',
    });
    expect(other).toMatchObject({ status: 422, body: { code: 'request-invalid' } });
  });

  it('tells the events of updates beside the acts of administrators', async () => {
    const service = await startService();
    await service.upload('1.1.0', image('1.1.0'));
    await service.rollout('all', '1.1.0');
    for (let poll = 0; poll < 3; poll += 1) await service.check('d1', '1.0.0');
    for (const status of ['downloading', 'downloading', 'installing', 'success'])
      await service.report('d1', '1.1.0', status);
    await service.check('d1', '1.1.0');
    await service.check('d2', '1.0.0');
    await service.report('d2', '1.1.0', 'failed', { error_message: 'no space' });
    const events = async (query = '') =>
      (await service.call('GET', `/api/admin/events${query}`)).body.events as unknown as {
        event_type: string;
      }[];
    const acts = ['rollout_created', 'firmware_uploaded'];
    expect((await events()).map(({ event_type: type }) => type)).toEqual(acts);
    expect((await events('?updates=true')).map(({ event_type: type }) => type)).toEqual([
      'update_failed',
      'update_completed',
      'update_started',
      ...acts,
    ]);
    expect(await events('?type=update_failed')).toEqual([
      {
        id: null,
        at: expect.stringMatching(/^\d{4}-.*Z$/),
        event_type: 'update_failed',
        created_by: 'd2',
        device_id: 'd2',
        device_model: 'esp32',
        firmware_version: '1.1.0',
        rollout: 'all',
        event_data: {
          attempt_id: 2,
          from: 'pending',
          to: 'failed',
          source: 'report',
          detail: 'no space',
        },
      },
    ]);
  });

  it('gives the build that it offers, whatever other builds of the version there are', async () => {
    const service = await startService();
    const builds = [image('1.1.0+1'), image('1.1.0+2')] as const;
    for (const bytes of builds) await publish(service.url, 'esp32', bytes);
    await service.rollout('first', '1.1.0', { build_number: 1 });
    const offer = await service.check('d1', '1.0.0');
    const file = await fetch(`${service.url}${offer.download_url}`);
    const got = Buffer.from(await file.arrayBuffer());
    expect([offer.checksum_sha256, sha256(got)]).toEqual([sha256(builds[0]), sha256(builds[0])]);
  });

  it('goes on giving the bytes of an address when the version is published for another model', async () => {
    const service = await startService();
    const bytes = image('1.1.0');
    await publish(service.url, 'esp32', bytes);
    await service.rollout('all', '1.1.0');
    const offer = await service.check('d1', '1.0.0');
    await publish(service.url, 'other', image('1.1.0', 2));
    const file = await fetch(`${service.url}${offer.download_url}`);
    expect(sha256(Buffer.from(await file.arrayBuffer()))).toBe(sha256(bytes));
  });

  it('lets the same version stand for two models', async () => {
    const service = await startService();
    await service.upload('1.1.0', image('1.1.0'));
    const other = await service.call('GET', '/api/firmware/download/1.1.0?device_model=esp8266');
    expect(other).toMatchObject({ status: 404, body: { detail: 'Firmware version not found' } });
  });
});
