import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { signBytes } from '../../tools/core/signing/sign-bytes.ts';
import { createKey, createPem, type TestKey } from '../support/keys.ts';
import { adminKey, startService } from '../support/service.ts';

const image = buildImage({ chip: 'esp32', project: 'app', version: '1.1.0' });
const other = buildImage({ chip: 'esp32', project: 'app', version: '1.1.0', seed: 2 });
const base64 = (key: TestKey, bytes = image): string =>
  Buffer.from(signBytes(key, bytes)).toString('base64');

type Started = Awaited<ReturnType<typeof startService>>;
interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}
/** Publishes the image for the model esp32 in one way, with a signature or without. */
type Door = (service: Started, signature: string | undefined) => Promise<Answer>;

const headers = { 'x-api-key': adminKey };
const file = new Blob([image as Uint8Array<ArrayBuffer>]);

async function send(
  url: string,
  method: string,
  body: FormData | Blob | string,
  more = {},
): Promise<Answer> {
  const response = await fetch(url, { method, body, headers: { ...headers, ...more } });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

function formOf(fields: Readonly<Record<string, string | undefined>>): FormData {
  const form = new FormData();
  form.append('file', file, 'app.bin');
  for (const [name, value] of Object.entries(fields))
    if (value !== undefined) form.append(name, value);
  return form;
}

const uploadOnly: Door = ({ url }, signature) =>
  send(
    `${url}/api/ota/admin/upload`,
    'POST',
    formOf({ device_type: 'esp32', version: '1.1.0', signature }),
  );

/** Registers what the upload answered. */
function register({ url }: Started, { body }: Answer, signature = body.signature): Promise<Answer> {
  const { device_type, version, filename, file_size, file_hash, binary_path } = body;
  return send(
    `${url}/api/ota/admin/firmware`,
    'POST',
    JSON.stringify({
      ...{ device_type, version, filename, file_size, file_hash, binary_path, signature },
      build_number: 1,
    }),
    { 'content-type': 'application/json' },
  );
}

const doors: Readonly<Record<string, Door>> = {
  'seed 003 with a form field': ({ url }, signature) =>
    send(
      `${url}/api/admin/firmware/upload?version=1.1.0&device_model=esp32`,
      'POST',
      formOf({ signature }),
    ),
  'seed 003 with a query parameter': ({ url }, signature) =>
    send(
      `${url}/api/admin/firmware/upload?version=1.1.0&device_model=esp32${
        signature === undefined ? '' : `&signature=${encodeURIComponent(signature)}`
      }`,
      'POST',
      formOf({}),
    ),
  'seed 004 in one step': ({ url }, signature) =>
    send(
      `${url}/api/ota/admin/upload`,
      'POST',
      formOf({ device_type: 'esp32', version: '1.1.0', register: 'true', signature }),
    ),
  'seed 004 in two steps': async (service, signature) => {
    const uploaded = await uploadOnly(service, signature);
    return uploaded.status === 200 ? register(service, uploaded) : uploaded;
  },
  'the publisher': ({ url }, signature) =>
    send(`${url}/api/v1/firmware?model=esp32&version=1.1.0&rollout=all`, 'PUT', file, {
      'content-type': 'application/octet-stream',
      ...(signature === undefined ? {} : { 'x-firmware-signature': signature }),
    }),
};

/** Everything that an upload could leave: files, releases, rollouts, entries of the audit log. */
async function traces(service: Started) {
  const entries = await readdir(join(service.folder, 'artifacts'), {
    recursive: true,
    withFileTypes: true,
  });
  const { body: releases } = await service.call('GET', '/api/ota/admin/firmware');
  const { body: rollouts } = await service.call('GET', '/api/admin/rollouts');
  const { body: audit } = await service.call('GET', '/api/admin/events?type=firmware_uploaded');
  return {
    files: entries.filter((entry) => entry.isFile()).length,
    releases,
    rollouts: rollouts.rollouts,
    audit: audit.events,
  };
}

const nothing = { files: 0, releases: [], rollouts: [], audit: [] };

async function startSigned(...keys: { publicPem: string }[]): Promise<Started> {
  const service = await startService();
  const public_keys = keys.map(({ publicPem }) => publicPem);
  const set = await service.call('PUT', '/api/v1/models/esp32', { public_keys });
  expect(set.status).toBe(200);
  return service;
}

const key = createKey('ecdsa-p256');
const rsa = createKey('rsa');
const keys = [rsa, createKey('ed25519'), key];

describe.each(Object.entries(doors))('a model that takes signed images only, by %s,', (_, door) => {
  it.each([
    ['no signature', undefined, 'signature-missing'],
    ['an empty signature', '', 'signature-missing'],
    ['the signature of another file', base64(key, other), 'signature-invalid'],
    ['the signature of a stranger', base64(createKey('ecdsa-p256')), 'signature-invalid'],
    ['no more than a text', 'QUJD', 'signature-invalid'],
  ])('refuses %s and keeps nothing', async (_what, signature, code) => {
    const service = await startSigned(key);
    expect(await door(service, signature)).toMatchObject({
      status: 422,
      body: { code, hint: expect.any(String) },
    });
    expect(await traces(service)).toEqual(nothing);
  });

  it('takes an image that one of its keys has signed, of whatever kind', async () => {
    for (const signer of keys) {
      const service = await startSigned(...keys);
      const signature = base64(signer);
      expect((await door(service, signature)).status).toBeLessThan(300);
      const { body } = await service.call('GET', '/api/admin/firmware/releases');
      expect(body.releases).toMatchObject([{ version: '1.1.0', is_signed: true }]);
      const download = await fetch(`${service.url}/api/firmware/download/1.1.0`);
      expect(download.headers.get('x-firmware-signature')).toBe(signature);
    }
  });
});

describe('an upload that waits for its registration', () => {
  it('is not registered without a signature when the model has come to demand one', async () => {
    const service = await startService();
    const uploaded = await uploadOnly(service, undefined);
    await service.call('PUT', '/api/v1/models/esp32', { public_keys: [key.publicPem] });
    expect(await register(service, uploaded)).toMatchObject({
      status: 422,
      body: { code: 'signature-missing' },
    });
    expect(await traces(service)).toEqual({ ...nothing, files: 1 });
    expect((await register(service, uploaded, base64(key))).status).toBe(200);
  });

  it('is not there when it was refused', async () => {
    const service = await startSigned(key);
    await uploadOnly(service, undefined);
    const body = {
      device_type: 'esp32',
      version: '1.1.0',
      filename: 'app.bin',
      file_size: image.length,
      file_hash: 'ab'.repeat(32),
      binary_path: 'esp32/v1.1.0.bin',
    };
    expect(await register(service, { status: 200, body }, base64(key))).toMatchObject({
      status: 400,
      body: { code: 'upload-unknown' },
    });
  });
});

describe('an upload that is refused for another reason', () => {
  const put = (service: Started, query: string, body: Uint8Array, more = {}) =>
    send(
      `${service.url}/api/v1/firmware?model=esp32${query}`,
      'PUT',
      new Blob([body as Uint8Array<ArrayBuffer>]),
      { 'content-type': 'application/octet-stream', ...more },
    );

  it.each([
    ['another version', '&version=2.0.0', image, {}],
    ['another hash', '&version=1.1.0', image, { 'x-checksum-sha256': '00'.repeat(32) }],
    ['no image', '&version=1.1.0', Buffer.from('\x7fELF and so on'), {}],
  ])('for %s leaves nothing either', async (_what, query, bytes, more) => {
    const service = await startService();
    expect((await put(service, query, bytes, more)).status).toBeGreaterThanOrEqual(400);
    expect(await traces(service)).toEqual(nothing);
  });

  it('leaves the release that has its version as it was', async () => {
    const service = await startService();
    await put(service, '&version=1.1.0', image);
    const before = await traces(service);
    expect(await put(service, '&version=1.1.0', other)).toMatchObject({ status: 409 });
    expect(await traces(service)).toEqual(before);
    const download = await fetch(`${service.url}/api/firmware/download/1.1.0`);
    expect(Buffer.from(await download.arrayBuffer())).toEqual(Buffer.from(image));
  });
});

describe('the settings of a model', () => {
  it('change only as far as they are given', async () => {
    const service = await startService();
    const set = (body: object) => service.call('PUT', '/api/v1/models/esp32', body);
    await set({ auth: 'token' });
    await set({ public_keys: [key.publicPem, rsa.publicPem, key.publicPem] });
    const expected = {
      model: 'esp32',
      auth: 'token',
      public_keys: [key.publicPem, rsa.publicPem],
      key_ids: [key.publicKey.id, rsa.publicKey.id],
    };
    expect((await service.call('GET', '/api/v1/models/esp32')).body).toEqual(expected);
    expect((await set({ auth: 'open' })).body).toEqual({ ...expected, auth: 'open' });
    expect((await set({ public_keys: [] })).body).toMatchObject({ auth: 'open', key_ids: [] });
  });

  it('are listed for models that have some, and for models that have releases', async () => {
    const service = await startSigned(key);
    const door = doors['the publisher'] as Door;
    await door(service, base64(key));
    await service.call('PUT', '/api/v1/models/c3', { auth: 'hmac' });
    expect((await service.call('GET', '/api/v1/models')).body.models).toMatchObject([
      { model: 'c3', auth: 'hmac', key_ids: [] },
      { model: 'esp32', auth: 'open', key_ids: [key.publicKey.id] },
    ]);
    expect((await service.call('GET', '/api/v1/models/unheard-of')).body).toMatchObject({
      auth: 'open',
      public_keys: [],
    });
  });

  it.each([
    ['no key', 'this is text, and not a key at all, whatever one may think', 'key-invalid'],
    ['a private key', createPem('ecdsa-p256').privateKey, 'key-invalid'],
    ['a key of a kind that nobody checks', createPem('ecdsa-p384').publicKey, 'key-unsupported'],
    ['a key that is too short', createPem('rsa-1024').publicKey, 'key-unsupported'],
  ])('do not take %s', async (_what, pem, code) => {
    const service = await startService();
    const answer = await service.call('PUT', '/api/v1/models/esp32', { public_keys: [pem] });
    expect(answer).toMatchObject({ status: 422, body: { code } });
    expect(JSON.stringify(answer.body)).not.toContain(pem.slice(30, 60));
    expect((await service.call('GET', '/api/v1/models')).body.models).toEqual([]);
  });
});
