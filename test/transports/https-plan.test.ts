import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OtaError } from '../../tools/core/errors.ts';
import { parseAudience } from '../../tools/core/fleet/offers/audience-text.ts';
import type { ArtifactFacts } from '../../tools/core/release/delivery.ts';
import { expandUrl } from '../../tools/transports/https/url.ts';
import { https } from '../../tools/transports/https.ts';
import { factsOf } from '../support/deliveries.ts';

const url = 'https://ota.example/fw';

function prepare(channel: object, changes: Partial<ArtifactFacts> = {}) {
  const artifact = factsOf(Buffer.from('firmware'), changes);
  const [delivery] = https.prepare(channel, { artifact, devices: [] });
  if (delivery === undefined) throw new Error('no delivery');
  return delivery;
}

function problemsOf(channel: object, changes?: Partial<ArtifactFacts>): readonly string[] {
  try {
    prepare(channel, changes);
  } catch (error) {
    if (error instanceof OtaError && error.code === 'channel-invalid') return error.details;
    throw error;
  }
  return [];
}

describe('the settings in force', () => {
  it('defaults are shown with what the channel says', () => {
    const { destination, settings } = prepare({ url: `${url}/{filename}?t={version}` });
    expect(destination).toBe('PUT https://ota.example/fw/Test_Gateway-1.2.3.bin?t=1.2.3');
    expect(settings).toEqual({
      url: 'https://ota.example/fw/Test_Gateway-1.2.3.bin?t=1.2.3',
      method: 'PUT',
      headers: {},
      timeout: 30,
      verify: true,
      encoding: 'binary',
      allow_http: false,
    });
  });

  it('everything that the channel says is shown, but no secret', () => {
    const { destination, settings } = prepare({
      url: 'https://jane:hunter2@ota.example:8443/fw?token=hunter2#part',
      method: 'patch',
      headers: {
        'X-Auth': 'hunter2',
        'X-Mine': 'hunter2',
        'X-Device-Group': 'beta',
        'x-api-key': 'hunter2',
        Accept: 'text/plain',
      },
      timeout: 5,
      verify: false,
      ca: 'ca.pem',
      cert: '-----BEGIN CERTIFICATE-----\nhunter2',
      key: '-----BEGIN PRIVATE KEY-----\nhunter2',
      encoding: 'multipart',
      field: 'image',
      allow_http: true,
    });
    expect(destination).toBe('PATCH https://ota.example:8443/fw?token=***');
    expect(settings).toEqual({
      url: 'https://ota.example:8443/fw?token=***',
      method: 'PATCH',
      headers: {
        'X-Auth': '***',
        'X-Mine': '***',
        'X-Device-Group': 'beta',
        'x-api-key': '***',
        Accept: 'text/plain',
        Authorization: '***',
      },
      timeout: 5,
      verify: false,
      ca: 'ca.pem',
      cert: '(PEM text)',
      key: '***',
      encoding: 'multipart',
      field: 'image',
      allow_http: true,
    });
  });
});

describe('a bad channel is refused before anything is sent', () => {
  it.each([
    ['ota.example/fw', 'is not a URL'],
    ['https://', 'is not a URL'],
    ['https://host:99999', 'is not a URL'],
    ['https://host:0/', 'port 0'],
    ['ftp://host/', 'must start with https://'],
    ['http://127.0.0.1/fw', 'has no TLS; use https://, or set "allow_http": true'],
    ['https://host/{size}', '{size} cannot be filled; known are {version}, {product}'],
    ['https://a:%ff@host/', 'not percent-encoded'],
  ])('url %s', (given, words) => {
    const problems = problemsOf({ url: given });
    expect(problems).toEqual([expect.stringContaining(words)]);
    expect(problems[0]).toContain('url: ');
  });

  it.each(['https://jane:hunter2@', 'jane:hunter2@host', 'https://jane:hunt/er2@host:x'])(
    'the password of the broken URL %s is not repeated',
    (given) => {
      expect(problemsOf({ url: given }).join()).not.toMatch(/hunt|er2/);
    },
  );

  it.each([
    [{ method: 'GET' }, 'method: must be PUT, POST or PATCH, is "GET"'],
    [{ encoding: 'chunked' }, 'encoding: must be one of binary, multipart, is "chunked"'],
    [{ field: 'image' }, 'field: needs "encoding": "multipart"'],
    [{ timeout: 0 }, 'timeout: must be > 0, is 0'],
    [{ verify: 'no' }, 'verify: must be boolean, is "no"'],
    [{ headers: { 'X-A': 1 } }, 'headers.X-A: must be string, is 1'],
    [{ headers: { 'X A': '1' } }, 'headers: "X A" is not a header name'],
    [{ headers: { 'X-A': '1', 'x-a': '2' } }, 'headers.x-a: stands there twice'],
    [{ headers: { 'Content-length': '1' } }, 'headers.Content-length: is set by the transport'],
    [{ headers: { 'transfer-encoding': 'x' } }, 'headers.transfer-encoding: is set by'],
    [{ headers: { 'X-A': 'hunter2\r\nX-B: 1' } }, 'headers.X-A: holds a character that no header'],
    [
      { encoding: 'multipart', headers: { 'Content-Type': 'a/b' } },
      'headers.Content-Type: is set by the transport itself with "encoding": "multipart"',
    ],
    [{ cert: 'a.pem' }, 'cert: "key" must be given with it'],
    [{ url: 'http://h/', allow_http: true, ca: 'a.pem' }, 'ca: need a URL with https://'],
    [
      { url: 'https://jane@h/', headers: { authorization: 'hunter2' } },
      'headers.authorization: the URL names a user as well; keep one of the two',
    ],
  ])('%j', (settings, words) => {
    const problems = problemsOf({ url, ...settings });
    expect(problems).toEqual([expect.stringContaining(words)]);
    expect(problems.join()).not.toContain('hunter2');
  });
});

describe('a rollout', () => {
  const rollout = parseAudience('canary:10');
  const plan = (channel: object) =>
    https.prepare(channel, { artifact: factsOf(Buffer.from('firmware')), devices: [], rollout })[0];

  it.each([
    ['https://ota.example/api/v1/firmware', '?rollout=canary%3A10'],
    ['https://ota.example/prefix/api/v1/firmware/?model=a', '&rollout=canary%3A10'],
    ['https://ota.example/api/v1/firmware/{filename}', '?rollout=canary%3A10'],
    ['https://ota.example/api/v1/firmware?rollout=all', '?rollout=canary%3A10'],
  ])('is added to %s', (given, end) => {
    const destination = plan({ url: given })?.destination ?? '';
    expect(destination.endsWith(end)).toBe(true);
    expect(destination).not.toContain('rollout=all');
  });

  it.each([
    [{ url }, 'url does not end with /api/v1/firmware'],
    [{ url: 'https://ota.example/api/v1/firmware/a/b' }, 'url does not end with'],
    [{ url: 'https://ota.example/api/v1/firmware', method: 'PATCH' }, 'method is PATCH'],
    [
      { url: 'https://ota.example/api/v1/firmware', encoding: 'multipart' },
      'encoding is multipart',
    ],
  ])('is refused with %j', (channel, detail) => {
    expect(() => plan(channel)).toThrowError(
      expect.objectContaining({
        code: 'rollout-unsupported',
        details: [expect.stringContaining(detail)],
        hint: expect.stringContaining('ota serve'),
      }),
    );
  });
});

describe('values in a URL', () => {
  it('keep to their place', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (version) => {
        fc.pre(version !== '.' && version !== '..');
        const expanded = expandUrl('https://h/a/{version}/b?c=d', { version }, false);
        expect(expanded.pathname.split('/')).toHaveLength(4);
        expect(expanded.host).toBe('h');
        expect(expanded.search).toBe('?c=d');
        expect(expanded.hash).toBe('');
        expect(decodeURIComponent(expanded.pathname)).toBe(`/a/${version}/b`);
      }),
    );
  });

  it.each(['.', '..', '\ud800'])('cannot be %j', (version) => {
    expect(problemsOf({ url: 'https://h/{version}/x' }, { version })).toHaveLength(1);
  });
});
