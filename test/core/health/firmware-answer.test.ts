import { describe, expect, it } from 'vitest';
import {
  checkFirmwareAnswer,
  checkRangeAnswer,
} from '../../../tools/core/health/firmware-answer.ts';

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
    expect(statuses({ 'content-encoding': 'identity' })[1]).toBe('no compression ok');
  });

  it('should not be compressed for others either: proxies forget who has asked', () => {
    const plain = { status: 200, headers: { 'content-length': '100', etag: '"a"' } };
    const forGzip = { status: 200, headers: { 'content-encoding': 'gzip' } };
    expect(checkFirmwareAnswer(plain, 100, forGzip)[1]).toMatchObject({
      status: 'warning',
      message: 'gzip for clients that take it',
    });
    expect(checkFirmwareAnswer(plain, 100, plain)[1]?.status).toBe('ok');
  });

  it('should have a strong ETag: a weak one resumes no download', () => {
    expect(statuses({ etag: 'W/"a"' })[2]).toBe('ETag warning');
  });
});

describe('the answer to a Range', () => {
  const asked = { first: 1, last: 3, bytes: Buffer.from('abcdef'), etag: '"e"' };
  const check = (status: number, body: string, headers: Record<string, string> = {}) =>
    checkRangeAnswer(
      { status, headers: { 'content-range': 'bytes 1-3/6', etag: '"e"', ...headers } },
      Buffer.from(body),
      asked,
    );

  it('is 206 with those very bytes', () => {
    expect(check(206, 'bcd')).toMatchObject({ status: 'ok', message: '206 with the right bytes' });
    expect(check(206, 'bcx').status).toBe('failed');
    expect(check(206, 'bc').status).toBe('failed');
    expect(check(200, 'abcdef')).toMatchObject({
      status: 'warning',
      message: 'is answered with 200',
    });
  });

  it('says which bytes they are, of how many', () => {
    expect(check(206, 'bcd', { 'content-range': 'bytes 1-3/*' })).toMatchObject({
      status: 'failed',
      message: 'Content-Range is "bytes 1-3/*", not "bytes 1-3/6"',
    });
    const none = checkRangeAnswer({ status: 206, headers: {} }, Buffer.from('bcd'), asked);
    expect(none.message).toBe('Content-Range is missing, not "bytes 1-3/6"');
  });

  it('should have the ETag of the whole file', () => {
    expect(check(206, 'bcd', { etag: '"other"' })).toMatchObject({ status: 'warning' });
  });
});
