import { describe, expect, it } from 'vitest';
import {
  checkExpiry,
  checkFirmwareAnswer,
  checkRangeAnswer,
} from '../../../tools/core/fleet/check.ts';

const now = new Date('2026-06-01T00:00:00Z');

describe('the end of a certificate', () => {
  it.each([
    ['2026-05-31T00:00:00Z', 'failed', 'expired on 2026-05-31'],
    ['2026-06-30T00:00:00Z', 'warning', 'expires on 2026-06-30, in 29 days'],
    ['2026-07-01T00:00:00Z', 'ok', 'valid until 2026-07-01'],
  ])('%s: %s', (until, status, message) => {
    expect(checkExpiry('c', new Date(until), now)).toMatchObject({ status, message });
  });
});

describe('the answer of an update server', () => {
  const statuses = (headers: Record<string, string>) =>
    checkFirmwareAnswer({ status: 200, headers }, 100).map(
      ({ name, status }) => `${name} ${status}`,
    );

  it('needs its length, no compression, and should have an ETag', () => {
    expect(statuses({ 'content-length': '100', etag: '"a"' })).toEqual([
      'Content-Length ok',
      'no compression ok',
      'ETag ok',
    ]);
    expect(statuses({ 'content-length': '99', 'content-encoding': 'gzip' })).toEqual([
      'Content-Length failed',
      'no compression failed',
      'ETag warning',
    ]);
    expect(statuses({})[0]).toBe('Content-Length failed');
  });

  it('to a Range is 206 with those very bytes', () => {
    const bytes = Buffer.from('abc');
    const check = (status: number, body: Buffer) =>
      checkRangeAnswer({ status, headers: {} }, body, bytes).status;
    expect(check(206, bytes)).toBe('ok');
    expect(check(206, Buffer.from('abd'))).toBe('failed');
    expect(check(200, bytes)).toBe('warning');
  });
});
