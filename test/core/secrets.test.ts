import { describe, expect, it } from 'vitest';
import { isSecretKey, maskSecrets } from '../../tools/core/secrets.ts';

describe('secrets', () => {
  it.each([
    'password',
    'passphrase',
    'Authorization',
    'X-Auth',
    'Cookie',
    'api_key',
    'X-API-Key',
    'token',
    'psk',
  ])('are what %s names', (key) => {
    expect(isSecretKey(key)).toBe(true);
  });

  it.each(['topic', 'url', 'key', 'cert', 'keepalive', 'username', 'Content-Type'])(
    '%s is none',
    (key) => {
      expect(isSecretKey(key)).toBe(false);
    },
  );

  it('are masked wherever they stand, and placeholders are not', () => {
    expect(
      maskSecrets({
        password: 'abc',
        pin: { token: 1234, other: 1 },
        headers: { Authorization: 'Bearer ${TOKEN}', Cookie: 'a${B}' },
        url: 'https://user:pw@host/?token=x&y=1',
        key: '-----BEGIN PRIVATE KEY-----\nabc',
        list: ['mqtt://u:p@h'],
      }),
    ).toEqual({
      password: '***',
      pin: { token: '***', other: 1 },
      headers: { Authorization: 'Bearer ${TOKEN}', Cookie: '***' },
      url: 'https://***@host/?token=***&y=1',
      key: '***',
      list: ['mqtt://***@h'],
    });
  });
});
