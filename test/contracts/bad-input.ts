import { describe, expect, it } from 'vitest';
import type { DeviceNews } from '../../tools/core/fleet/news/news.ts';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { createIntake } from '../../tools/service/devices/intake.ts';
import {
  type ApiDocument,
  type ApiRequest,
  oddTexts,
  oddValues,
  soundRequests,
  urlOf,
} from '../support/api-requests.ts';
import { adminKey, startService } from '../support/service.ts';

const json = 'application/json';
const image = buildImage({ chip: 'esp32', project: 'app', version: '2.0.0' });

/** What a service answers to nonsense, whatever database stands behind it. */
export function badInputContract(name: string, makeUrl: () => Promise<string | undefined>): void {
  describe(`a service on ${name}`, () => {
    it.each(['path and query', 'bodies'])(
      'answers nonsense in %s of any operation with a 4xx at most',
      async (place) => {
        const world = await start();
        for (const request of world.requests)
          for (const attack of place === 'bodies' ? bodyAttacks(request) : urlAttacks(request))
            await world.send(attack);
        expect(world.flaws).toEqual([]);
        await world.expectWhole();
      },
      120_000,
    );

    it('takes no number that no database has a place for, out of a form or an image', async () => {
      const { service } = await start();
      const send = async (fields: Record<string, string>, bytes: Uint8Array) => {
        const form = new FormData();
        for (const [name, value] of Object.entries(fields)) form.append(name, value);
        form.append('file', new Blob([bytes as Uint8Array<ArrayBuffer>]), 'a.bin');
        const headers = { 'x-api-key': adminKey };
        const url = `${service.url}/api/ota/admin/upload`;
        return (await fetch(url, { method: 'POST', headers, body: form })).status;
      };
      const plain = Buffer.from('an image of another kind');
      const named = { device_type: 'esp32', version: '5.0.0' };
      for (const number of ['99999999999', '2147483648', '-1', '1.5', 'x'])
        for (const register of ['true', 'false']) {
          const status = await send({ ...named, build_number: number, register }, plain);
          expect([number, status]).toEqual([number, 422]);
        }
      const version = '5.0.0+99999999999';
      const odd = buildImage({ chip: 'esp32', project: 'app', version });
      for (const register of ['true', 'false'])
        expect(await send({ ...named, register }, odd)).toBeLessThan(500);
      const put = await fetch(`${service.url}/api/v1/firmware?model=esp32`, {
        method: 'PUT',
        body: Buffer.from(odd),
        headers: { 'x-api-key': adminKey, 'content-type': 'application/octet-stream' },
      });
      expect(put.status).toBeLessThan(500);
    });

    it.each([
      ['an id', { deviceId: 'a\0b' }],
      ['a model', { model: '\ud800' }],
      ['a version', { runs: { version: '1\0', build: undefined, imageSha256: undefined } }],
      ['a target', { report: { status: 'downloading', version: '\udc00' } }],
      ['an error', { report: { status: 'failed', version: '2.0.0', error: 'a\0' } }],
      ['a build', { runs: { version: '1.0.0', build: 1e300, imageSha256: undefined } }],
    ])(
      'refuses a message with %s that no database can store, and keeps others',
      async (_what, odd) => {
        const { service } = await start();
        const intake = createIntake(service.service);
        const news = (deviceId: string, more: object): DeviceNews => ({
          deviceId,
          named: 'by-topic',
          retained: false,
          model: 'esp32',
          runs: { version: '1.0.0', build: undefined, imageSha256: undefined },
          ...more,
        });
        const [bad, ...good] = await Promise.all([
          intake.take(news('bad', odd)),
          ...Array.from({ length: 5 }, (_, index) => intake.take(news(`good-${index}`, {}))),
        ]);
        expect(bad?.outcome).toBe('refused');
        expect(good.map(({ outcome }) => outcome)).not.toContain('refused');
        expect((await service.call('GET', '/metrics')).body).toMatchObject({
          devices_by_model: { esp32: 5 },
        });
      },
    );

    it('keeps the reports of others when one device sends what no database can store', async () => {
      const world = await start();
      const { service } = world;
      const ids = Array.from({ length: 20 }, (_, index) => `good-${index}`);
      for (const id of ids) await service.check(id, '1.0.0');
      await service.check('bad', '1.0.0');
      const [bad, ...good] = await Promise.all([
        service.report('bad', '2.0.0', 'failed', { error_message: 'a\0b \ud800' }),
        ...ids.map((id) => service.report(id, '2.0.0', 'downloading')),
      ]);
      expect(bad?.status).toBe(422);
      expect(new Set(good.map(({ status }) => status))).toEqual(new Set([200]));
    });
  });

  async function start() {
    const database = await makeUrl();
    const service = await startService({
      settings: { addressRateLimit: 0 },
      ...(database === undefined ? {} : { database }),
    });
    await service.upload('2.0.0', image);
    await service.rollout('everybody', '2.0.0');
    // Attacks are aimed at model esp32; this one must come through unharmed.
    const kept = await fetch(
      `${service.url}/api/v1/firmware?model=kept&version=2.0.0&rollout=all`,
      {
        method: 'PUT',
        body: Buffer.from(image),
        headers: { 'x-api-key': adminKey, 'content-type': 'application/octet-stream' },
      },
    );
    expect(kept.status).toBe(201);
    const document = (await service.call('GET', '/openapi.json')).body as unknown as ApiDocument;
    // Everything under /ota is the same code as under /api/ota.
    const requests = soundRequests(document).filter(({ route }) => !route.startsWith('/ota/'));
    const flaws: string[] = [];
    return {
      service,
      requests,
      flaws,
      async send({ method, url, headers, body }: Attack): Promise<void> {
        const answer = await service.app.inject({
          method,
          url,
          headers: { 'x-api-key': adminKey, ...headers },
          ...(body === undefined ? {} : { body }),
        });
        const flaw = flawOf(answer.statusCode, answer.headers, answer.body);
        if (flaw !== undefined)
          flaws.push(`${method} ${url.slice(0, 150)} ${String(body).slice(0, 150)}: ${flaw}`);
      },
      /** Nothing was lost, and everything goes on. */
      async expectWhole(): Promise<void> {
        expect((await service.call('GET', '/api/admin/devices')).status).toBe(200);
        const offer = await service.check('whole', '1.0.0', 'kept');
        expect(offer.update_available).toBe(true);
        expect((await service.report('whole', '2.0.0', 'success')).status).toBe(200);
        const file = await fetch(`${service.url}${offer.download_url}`);
        expect(Buffer.from(await file.arrayBuffer()).equals(image)).toBe(true);
      },
    };
  }
}

interface Attack {
  readonly method: ApiRequest['method'];
  readonly url: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

function flawOf(status: number, headers: object, body: string): string | undefined {
  if (status >= 500) return `answers ${status}: ${body.slice(0, 200)}`;
  if ('x-evil' in headers) return 'a header was injected';
  if (/node_modules|\.ts:\d+|\.js:\d+/.test(body)) return `tells of its inside: ${body}`;
  if (status >= 400 && !/"code":"[a-z-]+"/.test(body)) return `${status} without a code: ${body}`;
  return;
}

function* urlAttacks(request: ApiRequest): Generator<Attack> {
  const { method } = request;
  const rest =
    request.body === undefined
      ? {}
      : { headers: { 'content-type': json }, body: JSON.stringify(request.body) };
  for (const place of ['path', 'query'] as const)
    for (const field of Object.keys(request[place])) {
      for (const text of oddTexts) {
        const changed = { ...request, [place]: { ...request[place], [field]: text } };
        yield { method, url: urlOf(changed), ...rest };
      }
      for (const raw of ['%ff%fe', '%c0%af', '%zz', '%u0000', '..%2f..%2fx', 'a%0d%0aX-Evil:1'])
        yield { method, url: urlOf(request, { [field]: raw }), ...rest };
      const twice = Object.keys(request.query).includes(field) ? `&${field}=x&${field}[a]=1` : '';
      yield { method, url: `${urlOf(request)}${twice}`, ...rest };
    }
}

function* bodyAttacks(request: ApiRequest): Generator<Attack> {
  if (request.method === 'GET') return;
  const { method } = request;
  const url = urlOf(request);
  const typed = (type: string, body: string): Attack => ({
    method,
    url,
    body,
    headers: { 'content-type': type },
  });
  const whole = JSON.stringify(request.body ?? {});
  for (let length = 0; length < whole.length; length += 7)
    yield typed(json, whole.slice(0, length));
  for (const text of ['null', '[]', '1', '"x"', '{}', '[{}]', '\ufeff{}', '{"a":1}}', 'a\0b'])
    yield typed(json, text);
  yield typed(json, '[[]'.repeat(50_000));
  yield typed(json, '{"a":'.repeat(20_000));
  yield typed(json, '{"__proto__":{"x":1},"constructor":{"prototype":1}}');
  yield typed(json, JSON.stringify({ ...request.body, more: 'x'.repeat(300_000) }));
  for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'x'])
    yield typed(type, whole);
  yield typed(`${json}; charset=utf-7`, whole);
  for (const type of ['multipart/form-data', 'multipart/form-data; boundary=b', 'multipart/mixed'])
    for (const text of ['', '--b', '--b\r\n\r\n', `--b\r\n${whole}\r\n--b--`, formOf(whole)])
      yield typed(type, text);
  for (const field of Object.keys(request.body ?? {})) {
    const { [field]: _, ...less } = request.body ?? {};
    yield typed(json, JSON.stringify(less));
    for (const value of oddValues)
      yield typed(json, JSON.stringify({ ...request.body, [field]: value }));
  }
}

function formOf(text: string): string {
  const head = 'Content-Disposition: form-data; name="file"; filename="../../x\0.bin"';
  const fields = ['device_type', 'version', 'build_number', 'description', 'signature', '__proto__']
    .map((name) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\na\0b`)
    .join('\r\n');
  return `${fields}\r\n--b\r\n${head}\r\n\r\n${text}\r\n--b--\r\n`;
}
