import { createHmac } from 'node:crypto';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { createTokenSigner } from '../../tools/service/access/jwt.ts';
import { adminKey, startService } from '../support/service.ts';

const bytes = buildImage({ chip: 'esp32', project: 'app', version: '1.1.0' });
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('who may administer', () => {
  it('is nobody when there is no key', async () => {
    const service = await startService({ settings: { apiKey: undefined } });
    for (const headers of [
      {},
      { 'x-api-key': '' },
      { 'x-api-key': 'undefined' },
      { authorization: 'Bearer x' },
    ])
      expect((await service.call('GET', '/api/admin/devices', undefined, headers)).status).toBe(
        401,
      );
  });

  it('is every holder of a key, as far as its role goes, until it is revoked', async () => {
    const service = await startService();
    const make = async (name: string, role: string) =>
      String((await service.call('POST', '/api/v1/keys', { name, role })).body.key);
    const [viewer, publisher] = [await make('v', 'viewer'), await make('p', 'publisher')];
    const as = (key: string, method: string, path: string, body?: unknown) =>
      service
        .call(method, path, body, { authorization: `Bearer ${key}` })
        .then(({ status }) => status);
    expect(await as(viewer, 'GET', '/api/admin/devices')).toBe(200);
    expect(await as(viewer, 'POST', '/api/admin/rollout/x/pause')).toBe(403);
    expect(await as(publisher, 'POST', '/api/admin/rollout/x/pause')).toBe(404);
    expect(await as(publisher, 'GET', '/api/v1/keys')).toBe(403);
    const keys = await service.call('GET', '/api/v1/keys');
    expect(JSON.stringify(keys.body)).not.toContain(viewer);
    await service.call('DELETE', '/api/v1/keys/v');
    expect(await as(viewer, 'GET', '/api/admin/devices')).toBe(401);
  });

  it('is no holder of a token that is unsigned, foreign, expired, or a device token', async () => {
    const service = await startService({
      settings: { tokenSecret: 'a secret that is long enough' },
    });
    const good = await createTokenSigner('a secret that is long enough', Date.now);
    const foreign = await createTokenSigner('another secret, also long', Date.now);
    const expiresAtS = Math.floor(Date.now() / 1000) + 60;
    const of = { kind: 'admin', subject: 'x', role: 'admin', expiresAtS } as const;
    const claims = { sub: 'x', role: 'admin', iss: 'esp-ota-toolkit', aud: 'admin', exp: 9e9 };
    const status = async (token: string) =>
      (
        await service.call('GET', '/api/admin/devices', undefined, {
          authorization: `Bearer ${token}`,
        })
      ).status;
    expect(await status(await good.sign(of))).toBe(200);
    expect(await status(`${part({ alg: 'none' })}.${part(claims)}.`)).toBe(401);
    expect(await status(`${part({ alg: 'none' })}.${part(claims)}.x`)).toBe(401);
    expect(await status(await foreign.sign(of))).toBe(401);
    expect(await status(await good.sign({ ...of, expiresAtS: 61 }))).toBe(401);
    expect(await status(await good.sign({ ...of, kind: 'device' }))).toBe(401);
    expect(await status(await good.sign({ ...of, role: undefined }))).toBe(401);
  });

  it('is written down', async () => {
    const service = await startService();
    await service.upload('1.1.0', bytes);
    await service.rollout('all', '1.1.0');
    await service.call('PATCH', '/api/admin/rollout/all', { is_active: false });
    const { body } = await service.call('GET', '/api/admin/events');
    expect(body.events).toMatchObject([
      {
        event_type: 'rollout_updated',
        created_by: 'environment',
        event_data: { state: ['running', 'paused'] },
      },
      { event_type: 'rollout_created' },
      { event_type: 'firmware_uploaded' },
    ]);
  });
});

describe('a device', () => {
  it('shows its token where its model asks for one', async () => {
    const service = await startService();
    await service.upload('1.1.0', bytes);
    await service.rollout('all', '1.1.0');
    await service.call('PUT', '/api/v1/models/esp32', { auth: 'token' });
    const path = '/api/firmware/check?device_id=d1&device_model=esp32&current_version=1.0.0';
    const token = async (subject: string) =>
      String(
        (await service.call('POST', '/api/v1/tokens', { subject, kind: 'device' })).body.token,
      );
    const ask = async (bearer: string) =>
      service.call('GET', path, undefined, { authorization: `Bearer ${bearer}` });
    expect((await service.call('GET', path, undefined, {})).status).toBe(401);
    expect((await ask(await token('d2'))).status).toBe(401);
    const offer = await ask(await token('d1'));
    expect(offer).toMatchObject({ status: 200, body: { update_available: true } });
    expect((await fetch(`${service.url}${offer.body.download_url}`)).status).toBe(200);
    expect((await fetch(`${service.url}/api/firmware/download/1.1.0`)).status).toBe(403);
    expect((await service.report('d1', '1.1.0', 'downloading')).status).toBe(401);
  });

  it('cannot be spoken for by one who names a model that is open', async () => {
    const service = await startService();
    await service.upload('1.1.0', bytes);
    await service.rollout('all', '1.1.0');
    await service.check('d1', '1.0.0');
    await service.call('PUT', '/api/v1/models/esp32', { auth: 'token' });
    expect(await service.check('d1', '1.1.0', 'other')).toMatchObject({ code: 'unauthorized' });
    const body = { device_id: 'd1', device_type: 'other', current_version: '1.1.0' };
    expect((await service.call('POST', '/api/ota/check', body, {})).status).toBe(401);
    expect((await service.report('d1', '1.1.0', 'failed')).status).toBe(401);
    expect((await service.call('GET', '/api/admin/devices/d1')).body).toMatchObject({
      device_model: 'esp32',
      current_firmware_version: '1.0.0',
      updates: [{ state: 'pending' }],
    });
    expect((await service.check('d2', '1.0.0', 'other')).reason).toBe('no-release');
  });

  it('is not locked out by what others send in its name', async () => {
    const service = await startService({ settings: { deviceRateLimit: 3 } });
    await service.call('PUT', '/api/v1/models/esp32', { auth: 'token' });
    const wish = { subject: 'd1', kind: 'device' };
    const { token } = (await service.call('POST', '/api/v1/tokens', wish)).body;
    const path = '/api/firmware/check?device_id=d1&device_model=esp32&current_version=1.0.0';
    const ask = async (headers: object) =>
      (await service.call('GET', path, undefined, headers)).status;
    for (let turn = 0; turn < 5; turn += 1) expect(await ask({})).toBe(401);
    expect(await ask({ authorization: `Bearer ${token}` })).toBe(200);
    for (let turn = 0; turn < 5; turn += 1)
      expect((await service.report('d1', '1.1.0', 'downloading')).status).toBe(401);
    expect(await ask({ authorization: `Bearer ${token}` })).toBe(200);
  });

  it('signs its requests where its model asks for that', async () => {
    const service = await startService();
    await service.call('PUT', '/api/v1/models/esp32', { auth: 'hmac' });
    const { body } = await service.call('GET', '/api/v1/devices/d1/key');
    const path = '/api/firmware/check?device_id=d1&device_model=esp32&current_version=1.0.0';
    const signed = (seconds: number) => {
      const text = `${seconds}\nGET\n${path}\n`;
      const hex = createHmac('sha256', String(body.key)).update(text).digest('hex');
      return service.call('GET', path, undefined, { 'x-device-signature': `${seconds}:${hex}` });
    };
    const now = Math.floor(Date.now() / 1000);
    expect((await signed(now)).status).toBe(200);
    expect((await signed(now - 3600)).status).toBe(401);
  });

  it('cannot pretend a certificate by a header', async () => {
    const service = await startService();
    await service.call('PUT', '/api/v1/models/esp32', { auth: 'mtls' });
    const path = '/api/firmware/check?device_id=d1&device_model=esp32&current_version=1.0.0';
    expect((await service.call('GET', path, undefined, { 'x-client-cn': 'd1' })).status).toBe(401);
    const proxied = await startService({ settings: { trustedProxies: ['127.0.0.1'] } });
    await proxied.call('PUT', '/api/v1/models/esp32', { auth: 'mtls' });
    expect((await proxied.call('GET', path, undefined, { 'x-client-cn': 'd1' })).status).toBe(200);
    expect((await proxied.call('GET', path, undefined, { 'x-client-cn': 'd2' })).status).toBe(401);
  });

  it('is told to wait when it asks without end', async () => {
    const service = await startService({ settings: { deviceRateLimit: 3 } });
    const statuses: unknown[] = [];
    for (let turn = 0; turn < 5; turn += 1)
      statuses.push((await service.check('d1', '1.0.0')).code ?? 'ok');
    expect(statuses).toEqual(['ok', 'ok', 'ok', 'rate-limited', 'rate-limited']);
    expect((await service.check('d2', '1.0.0')).code).toBeUndefined();
  });
});

describe('a request too many', () => {
  const path = '/api/firmware/check?device_id=d1&device_model=esp32&current_version=1.0.0';

  it.each([
    ['of a device', { deviceRateLimit: 2 }],
    ['of an address', { addressRateLimit: 2 }],
  ])('%s is told when to come back', async (_whose, settings) => {
    const service = await startService({ settings });
    let last = await service.call('GET', path, undefined, {});
    for (let turn = 0; turn < 2; turn += 1) last = await service.call('GET', path, undefined, {});
    expect(last).toMatchObject({ status: 429, body: { code: 'rate-limited' } });
    const seconds = Number(last.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(60);
  });

  it('is counted by the address that a trusted proxy names, and by no other word', async () => {
    const ask = (url: string, from: string) =>
      fetch(`${url}${path}`, { headers: { 'x-forwarded-for': from } }).then(({ status }) => status);
    const open = await startService({ settings: { addressRateLimit: 1 } });
    expect([await ask(open.url, '198.51.100.1'), await ask(open.url, '198.51.100.2')]).toEqual([
      200, 429,
    ]);
    const proxied = await startService({
      settings: { addressRateLimit: 1, trustedProxies: ['127.0.0.1'] },
    });
    expect([
      await ask(proxied.url, '198.51.100.1'),
      await ask(proxied.url, '198.51.100.2'),
    ]).toEqual([200, 200]);
  });
});

describe('what comes from outside', () => {
  it('is refused when it is no image that a device could run', async () => {
    const service = await startService();
    expect((await service.upload('1.0.0', new Uint8Array())).status).toBe(422);
    expect((await service.upload('1.0.0', Buffer.from('\x7fELF and so on'))).status).toBe(422);
    const broken = Buffer.from(bytes);
    broken[200] = (broken[200] ?? 0) ^ 1;
    expect((await service.upload('1.1.0', broken)).body.code).toBe('upload-rejected');
    expect(await service.upload('1.0.0', Buffer.from('an image of another kind'))).toMatchObject({
      status: 200,
      body: { warnings: [expect.stringContaining('not checked')] },
    });
  });

  it('is refused when it is too large, and nothing of it stays', async () => {
    const service = await startService({ settings: { maxUploadBytes: 100 } });
    expect(await service.upload('1.1.0', bytes)).toMatchObject({
      status: 413,
      body: { code: 'upload-too-large' },
    });
    const huge = { device_id: 'x'.repeat(400_000) };
    expect((await service.call('POST', '/api/ota/check', huge, {})).status).toBe(413);
  });

  it('is answered with a 4xx, never a 5xx, when it is nonsense', async () => {
    const service = await startService();
    const json = { 'content-type': 'application/json' };
    const post = async (path: string, body: string, headers: Record<string, string> = json) =>
      (
        await fetch(`${service.url}${path}`, {
          method: 'POST',
          body,
          headers: { 'x-api-key': adminKey, ...headers },
        })
      ).status;
    expect(await post('/api/ota/check', '{')).toBe(400);
    expect(await post('/api/ota/check', '[]')).toBe(422);
    expect(await post('/api/ota/check', 'x', { 'content-type': 'text/weird' })).toBe(415);
    expect(await post('/api/ota/check', '{"__proto__":{"x":1}}')).toBe(400);
    expect(await post('/api/ota/admin/upload', '{}')).toBe(422);
    expect(await post('/api/ota/admin/firmware', '{}')).toBe(422);
    expect((await fetch(`${service.url}/%2e%2e/%2e%2e/etc/passwd`)).status).toBe(404);
    expect(
      (await fetch(`${service.url}/api/firmware/download/..%2f..%2fetc%2fpasswd`)).status,
    ).toBe(404);
    expect((await fetch(`${service.url}/%zz`)).status).toBe(400);
    const odd = encodeURIComponent(`'; drop table devices; --\r\nX-Evil: 1`);
    const path = `/api/firmware/check?device_id=${odd}&device_model=esp32&current_version=1`;
    expect((await fetch(`${service.url}${path}`)).status).toBe(200);
    expect((await service.call('GET', '/api/admin/devices')).status).toBe(200);
  });

  it('never becomes a header of its own', async () => {
    const service = await startService();
    const evil = encodeURIComponent('AAAA\r\nX-Evil: 1');
    expect((await service.upload('1.1.0', bytes, `&signature=${evil}é`)).status).toBe(422);
    expect((await service.upload('1.1.0', bytes, '&signature=AAAA%0ABBBB%0A')).status).toBe(200);
    const file = await fetch(`${service.url}/api/firmware/download/1.1.0`);
    expect([file.status, file.headers.get('x-firmware-signature')]).toEqual([200, 'AAAABBBB']);
    const odd = { 'x-request-id': 'a b', 'x-forwarded-for': "'; drop table devices" };
    const answer = await service.call('GET', '/health', undefined, odd);
    expect(answer.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/);
  });

  it('may break off in the middle, and nobody sees half a release', async () => {
    const service = await startService();
    const { port } = new URL(service.url);
    const socket = connect(Number(port), '127.0.0.1');
    const head = `PUT /api/v1/firmware?model=esp32&version=1.1.0 HTTP/1.1\r\nHost: x\r\nX-API-Key: ${adminKey}\r\nContent-Type: application/octet-stream\r\nContent-Length: ${bytes.length}\r\n\r\n`;
    await new Promise<void>((resolve) =>
      socket.write(Buffer.concat([Buffer.from(head), bytes.subarray(0, 50)]), () => resolve()),
    );
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.destroy();
    await closed;
    expect((await service.call('GET', '/api/admin/firmware/releases')).body.releases).toEqual([]);
    expect((await fetch(`${service.url}/api/firmware/download/1.1.0`)).status).toBe(404);
  });
});
