import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { signLink } from '../../tools/service/access/links.ts';
import { adminKey, startService } from '../support/service.ts';

const image = (version: string): Uint8Array =>
  buildImage({ chip: 'esp32', project: 'app', version });

type Started = Awaited<ReturnType<typeof startService>>;

/** Uploads as documented: everything in the form. */
async function uploadForm(service: Started, fields: Record<string, string>, bytes: Uint8Array) {
  const form = new FormData();
  form.append('file', new Blob([bytes as Uint8Array<ArrayBuffer>]), 'firmware.bin');
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  const response = await fetch(`${service.url}/api/ota/admin/upload`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}` },
    body: form,
  });
  return { status: response.status, body: (await response.json()) as Record<string, never> };
}

function registration(upload: Record<string, unknown>, more: object = {}) {
  const { device_type, version, filename, file_size, file_hash, binary_path } = upload;
  return {
    device_type,
    version,
    build_number: 1,
    filename,
    file_size,
    file_hash,
    binary_path,
    is_stable: true,
    ...more,
  };
}

async function publish(service: Started, version: string, more: object = {}) {
  const fields = { device_type: 'tab5', version };
  const { body } = await uploadForm(service, fields, image(version));
  return service.call('POST', '/api/ota/admin/firmware', registration(body, more));
}

const check = (service: Started, version: string, more: object = {}) =>
  service.call(
    'POST',
    '/api/ota/check',
    { device_id: 123, device_type: 'tab5', current_version: version, current_build: 1, ...more },
    {},
  );

describe('the face of seed 004', () => {
  it('leaves both steps of a release in the audit log', async () => {
    const service = await startService();
    await publish(service, '1.1.0');
    const { body } = await service.call('GET', '/api/admin/events');
    expect(body.events).toMatchObject([
      { event_type: 'firmware_uploaded', created_by: 'environment' },
      {
        event_type: 'file_uploaded',
        created_by: 'environment',
        device_model: 'tab5',
        firmware_version: '1.1.0',
        event_data: { path: 'tab5/v1.1.0.bin', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      },
    ]);
  });

  it('goes from upload and registration to a confirmed update', async () => {
    const service = await startService();
    const bytes = image('1.1.0');
    const upload = await uploadForm(service, { device_type: 'tab5', version: '1.1.0' }, bytes);
    expect(upload).toMatchObject({
      status: 200,
      body: {
        success: true,
        binary_path: 'tab5/v1.1.0.bin',
        file_size: bytes.length,
        file_hash: createHash('sha256').update(bytes).digest('hex'),
        raw_version: '1.1.0',
      },
    });
    const registered = await service.call(
      'POST',
      '/api/ota/admin/firmware',
      registration(upload.body),
    );
    expect(registered).toMatchObject({ status: 200, body: { id: 1, is_active: true } });
    const offer = (await check(service, '1.0.0')).body;
    expect(offer).toMatchObject({ update_available: true, firmware_id: 1, version: '1.1.0' });
    const file = await fetch(`${service.url}${offer.download_url}`);
    expect(file.headers.get('x-firmware-hash')).toBe(offer.file_hash);
    expect((await file.arrayBuffer()).byteLength).toBe(bytes.length);
    for (const status of ['downloading', 'installing', 'success']) {
      const body = { device_id: 123, firmware_id: 1, status, bytes_downloaded: bytes.length };
      expect(await service.call('POST', '/api/ota/status', body, {})).toMatchObject({
        status: 200,
        body: { success: true, log_id: 1, status },
      });
    }
    await check(service, '1.1.0');
    const logs = await service.call('GET', '/api/ota/admin/logs?device_id=123');
    expect(logs.body).toMatchObject([
      { id: 1, device_id: 123, firmware_id: 1, status: 'success', state: 'confirmed' },
    ]);
  });

  it('answers under /ota as well', async () => {
    const service = await startService();
    const body = { device_id: 1, device_type: 'tab5', current_version: '1.0.0', current_build: 1 };
    expect((await service.call('POST', '/ota/check', body, {})).body).toMatchObject({
      update_available: false,
      firmware_id: null,
    });
  });

  it('registers what was uploaded and nothing else', async () => {
    const service = await startService();
    const fields = { device_type: 'tab5', version: '1.1.0' };
    const { body } = await uploadForm(service, fields, image('1.1.0'));
    const register = (changes: object) =>
      service.call('POST', '/api/ota/admin/firmware', registration(body, changes));
    expect((await register({ file_size: 5 })).status).toBe(400);
    expect((await register({ file_hash: 'ab'.repeat(32) })).status).toBe(400);
    expect((await register({ binary_path: '../../etc/passwd' })).status).toBe(400);
    expect((await register({ version: '1.2' })).status).toBe(422);
    expect((await register({})).status).toBe(200);
    expect((await register({})).status).toBe(409);
  });

  it('takes no report about a release of another model, and the attempt goes on', async () => {
    const service = await startService();
    await publish(service, '1.1.0');
    const other = { device_type: 'other', version: '1.1.0', register: 'true' };
    expect((await uploadForm(service, other, image('1.1.0'))).body).toMatchObject({ id: 2 });
    await check(service, '1.0.0');
    const report = (firmware_id: number) =>
      service.call(
        'POST',
        '/api/ota/status',
        { device_id: 123, firmware_id, status: 'downloading' },
        {},
      );
    expect(await report(2)).toMatchObject({ status: 404, body: { code: 'release-unknown' } });
    expect(await report(1)).toMatchObject({ status: 200, body: { log_id: 1 } });
  });

  it('refuses what a query says twice', async () => {
    const service = await startService();
    const form = new FormData();
    form.append('file', new Blob([image('1.1.0') as Uint8Array<ArrayBuffer>]), 'firmware.bin');
    for (const twice of ['device_type', 'signature', 'description']) {
      const query = `device_type=tab5&version=1.1.0&register=true&${twice}=a&${twice}=b`;
      const answer = await fetch(`${service.url}/api/ota/admin/upload?${query}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${adminKey}` },
        body: form,
      });
      expect([twice, answer.status]).toEqual([twice, 422]);
    }
  });

  it('refuses an image that says another version', async () => {
    const service = await startService();
    const fields = { device_type: 'tab5', version: '1.2.0' };
    const { body } = await uploadForm(service, fields, image('1.1.0'));
    const answer = await service.call('POST', '/api/ota/admin/firmware', registration(body));
    expect(answer).toMatchObject({ status: 400, body: { code: 'upload-mismatch' } });
  });

  it('never makes a path of a name', async () => {
    const service = await startService();
    for (const name of ['../../../tmp/x', '..', 'a/b', 'a\u0000b']) {
      const fields = { device_type: name, version: '1.0.0' };
      expect((await uploadForm(service, fields, image('1.0.0'))).status, name).toBe(422);
    }
  });

  it('uploads and registers in one step', async () => {
    const service = await startService();
    const fields = { device_type: 'tab5', version: '1.1.0', register: 'true', is_stable: 'true' };
    expect(await uploadForm(service, fields, image('1.1.0'))).toMatchObject({
      status: 200,
      body: { id: 1, is_stable: true, build_number: 1 },
    });
    expect((await check(service, '1.0.0')).body.update_available).toBe(true);
  });

  it('changes only what is given', async () => {
    const service = await startService();
    await publish(service, '1.1.0');
    const answer = await service.call('PATCH', '/api/ota/admin/firmware/1', { description: 'new' });
    expect(answer.body).toMatchObject({ description: 'new', is_stable: true });
  });

  it('neither offers nor serves what is deactivated', async () => {
    const service = await startService();
    await publish(service, '1.1.0');
    expect((await service.call('DELETE', '/api/ota/admin/firmware/1')).status).toBe(200);
    expect((await check(service, '1.0.0')).body.update_available).toBe(false);
    expect((await fetch(`${service.url}/api/ota/download/1`)).status).toBe(404);
  });

  it('leads an old device over a stepping stone, and orders versions by number', async () => {
    const service = await startService();
    await publish(service, '1.9.0');
    await publish(service, '1.10.0', { min_current_version: '1.9.0' });
    expect((await check(service, '1.0.0')).body.version).toBe('1.9.0');
    expect((await check(service, '1.9.0')).body.version).toBe('1.10.0');
  });

  it('refuses a floor that would hold nobody back', async () => {
    const service = await startService();
    for (const floor of ['1.2', 'banana', '']) {
      const refused = await publish(service, '1.1.0', { min_current_version: floor });
      expect([floor, refused.status]).toEqual([floor, 422]);
    }
    await publish(service, '1.1.0');
    const change = (floor: string | null) =>
      service.call('PATCH', '/api/ota/admin/firmware/1', { min_current_version: floor });
    expect(await change('1.x')).toMatchObject({ status: 422, body: { code: 'version-invalid' } });
    expect((await change('v1.0.5')).body).toMatchObject({ min_current_version: 'v1.0.5' });
    expect((await check(service, '1.0.0')).body).toMatchObject({ reason: 'below-min-version' });
    expect((await change(null)).body).toMatchObject({ min_current_version: null });
  });

  it('signs download addresses when there is a secret', async () => {
    const service = await startService({ settings: { downloadSecret: 'dl' } });
    await publish(service, '1.1.0');
    const url = String((await check(service, '1.0.0')).body.download_url);
    expect((await fetch(`${service.url}${url}`)).status).toBe(200);
    for (const wrong of [
      '/api/ota/download/1',
      url.replace('device_id=123', 'device_id=124'),
      url.replace(/sig=./, 'sig=x'),
      `/api/ota/download/1?device_id=1&expires=1&sig=${signLink('dl', 1, '1', 1)}`,
    ])
      expect((await fetch(`${service.url}${wrong}`)).status, wrong).toBe(403);
    expect(signLink('dl', 1, '123', 1700000000)).toBe(
      '9cd6b114cf3eddf73fe878252c771bdd11b4141d3d811f15ebef12763f9593e2',
    );
  });

  it('answers a wrong report with a 4xx and keeps the row', async () => {
    const service = await startService();
    await publish(service, '1.1.0');
    await check(service, '1.0.0');
    const report = (status: string, id = 1) =>
      service.call('POST', '/api/ota/status', { device_id: 123, firmware_id: id, status }, {});
    expect((await report('weird')).status).toBe(422);
    expect((await report('success', 99)).status).toBe(404);
    await report('success');
    expect(await report('downloading')).toMatchObject({
      status: 409,
      body: { code: 'transition-illegal' },
    });
    const logs = await service.call('GET', '/api/ota/admin/logs?status=success');
    expect(logs.body).toMatchObject([{ status: 'success' }]);
  });
});
