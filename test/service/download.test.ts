import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { chooseRange } from '../../tools/service/downloads/range.ts';
import { adminKey, startService } from '../support/service.ts';

const bytes = Buffer.from(
  buildImage({ chip: 'esp32', project: 'app', version: '1.1.0', sizeBytes: 50_000 }),
);
const path = '/api/firmware/download/1.1.0';

async function get(url: string, headers: Record<string, string> = {}, method = 'GET') {
  const response = await fetch(url, { method, headers });
  return {
    status: response.status,
    header: (name: string) => response.headers.get(name),
    bytes: Buffer.from(await response.arrayBuffer()),
  };
}

describe.each([
  ['from memory', 64 * 1024 * 1024],
  ['from the disk', 0],
])('a download %s', (_name, cacheBytes) => {
  async function start() {
    const service = await startService({ settings: { cacheBytes } });
    await service.upload('1.1.0', bytes);
    return `${service.url}${path}`;
  }

  it('is whole, with its length and checksums', async () => {
    const answer = await get(await start());
    const hash = createHash('sha256').update(bytes);
    expect(answer.status).toBe(200);
    expect(answer.bytes.equals(bytes)).toBe(true);
    expect(answer.header('content-length')).toBe(String(bytes.length));
    expect(answer.header('transfer-encoding')).toBeNull();
    expect(answer.header('cache-control')).toContain('no-transform');
    expect(answer.header('x-md5')).toBe(createHash('md5').update(bytes).digest('hex'));
    expect(answer.header('repr-digest')).toBe(`sha-256=:${hash.digest('base64')}:`);
  });

  it('goes on where it broke off, of the same file only', async () => {
    const url = await start();
    const etag = (await get(url, {}, 'HEAD')).header('etag') ?? '';
    const rest = await get(url, { range: 'bytes=1000-', 'if-range': etag });
    expect(rest.status).toBe(206);
    expect(rest.header('content-range')).toBe(`bytes 1000-${bytes.length - 1}/${bytes.length}`);
    expect(rest.bytes.equals(bytes.subarray(1000))).toBe(true);
    const changed = await get(url, { range: 'bytes=1000-', 'if-range': '"other"' });
    expect([changed.status, changed.bytes.length]).toEqual([200, bytes.length]);
    const beyond = await get(url, { range: `bytes=${bytes.length}-` });
    expect([beyond.status, beyond.header('content-range')]).toEqual([
      416,
      `bytes */${bytes.length}`,
    ]);
  });

  it('can be asked about without being sent', async () => {
    const url = await start();
    const head = await get(url, {}, 'HEAD');
    expect([head.status, head.header('content-length'), head.bytes.length]).toEqual([
      200,
      String(bytes.length),
      0,
    ]);
    const part = await get(url, { range: 'bytes=0-9' }, 'HEAD');
    expect([part.status, part.header('content-length')]).toEqual([200, String(bytes.length)]);
  });

  it('is not sent again to one who has it', async () => {
    const url = await start();
    const etag = (await get(url, {}, 'HEAD')).header('etag') ?? '';
    for (const known of [etag, `"other", ${etag}`, `W/${etag}`, '*'])
      expect((await get(url, { 'if-none-match': known })).status).toBe(304);
    expect((await get(url, { 'if-none-match': '"other"' })).status).toBe(200);
  });
});

describe('a file that is gone from the artifact folder', () => {
  it.each([64 * 1024 * 1024, 0])(
    'is a 404 that nobody keeps (%d bytes of memory)',
    async (cacheBytes) => {
      const service = await startService({ settings: { cacheBytes } });
      await service.upload('1.1.0', bytes);
      await rm(join(service.folder, 'artifacts/sha256'), { recursive: true });
      for (const [method, headers] of [
        ['GET', {}],
        ['HEAD', {}],
        ['GET', { range: 'bytes=0-3' }],
      ] as const) {
        const answer = await get(`${service.url}${path}`, headers, method);
        expect([answer.status, answer.header('cache-control')]).toEqual([404, 'no-store']);
        for (const name of ['etag', 'content-range', 'repr-digest', 'x-md5'])
          expect(answer.header(name)).toBeNull();
      }
    },
  );
});

describe('a range', () => {
  it('lies inside the file, or is ignored, or is refused', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 1000 }), (text, size) => {
        const headers = { range: `bytes=${text}` };
        const range = chooseRange({ headers, method: 'GET' }, size, '"x"');
        if (typeof range !== 'object') return;
        expect(range.start).toBeGreaterThanOrEqual(0);
        expect(range.start).toBeLessThanOrEqual(range.end);
        expect(range.end).toBeLessThan(size);
      }),
    );
    const of = (range: string) => chooseRange({ headers: { range }, method: 'GET' }, 10, '"x"');
    expect([of('bytes=0-0'), of('bytes=-3'), of('bytes=5-99'), of('bytes=-0')]).toEqual([
      { start: 0, end: 0 },
      { start: 7, end: 9 },
      { start: 5, end: 9 },
      'unsatisfiable',
    ]);
    expect([of('bytes=1-2,4-5'), of('lines=1-2'), of('bytes=5-2')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe("the publisher's door", () => {
  const put = async (url: string, more: Record<string, string> = {}, body: Buffer = bytes) => {
    const response = await fetch(url, {
      method: 'PUT',
      body: body as Uint8Array<ArrayBuffer>,
      headers: { 'x-api-key': adminKey, 'content-type': 'application/octet-stream', ...more },
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  it('takes what ota deploy sends, once, and starts a rollout', async () => {
    const service = await startService();
    const url = `${service.url}/api/v1/firmware?model=esp32&rollout=canary:10`;
    const headers = {
      'x-firmware-version': '1.1.0',
      'x-checksum-sha256': createHash('sha256').update(bytes).digest('hex'),
      'content-digest': `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`,
    };
    expect(await put(url, headers)).toMatchObject({
      status: 201,
      body: { status: 'created', model: 'esp32', version: '1.1.0', rollout: 'esp32-1.1.0' },
    });
    expect(await put(url, headers)).toMatchObject({ status: 200, body: { status: 'unchanged' } });
    const { body } = await service.call('GET', '/api/admin/rollouts');
    expect(body.rollouts).toMatchObject([
      { target_type: 'canary', rollout_percentage: 10, state: 'running' },
    ]);
  });

  it('refuses what arrives otherwise than it was sent', async () => {
    const service = await startService();
    const url = `${service.url}/api/v1/firmware?model=esp32&version=1.1.0`;
    expect((await put(url, { 'x-checksum-sha256': '00'.repeat(32) })).body.code).toBe(
      'upload-mismatch',
    );
    expect((await put(url, { 'content-digest': 'sha-256=:AAAA:' })).status).toBe(400);
    expect((await put(`${service.url}/api/v1/firmware?model=esp32&version=2.0.0`)).status).toBe(
      400,
    );
    expect((await put(url, { 'x-api-key': 'wrong' })).status).toBe(401);
  });
});
