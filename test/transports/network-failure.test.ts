import { describe, expect, it } from 'vitest';
import { OtaError } from '../../tools/core/errors.ts';
import { toNetworkFailure } from '../../tools/transports/network-failure.ts';

function failed(code: string, more: object = {}): Error {
  return Object.assign(new Error(`raw words of ${code}`), { code }, more);
}

describe('a failed connection', () => {
  it.each([
    ['ECONNREFUSED', 'connection-refused', true],
    ['ENOTFOUND', 'host-unknown', false],
    ['EAI_AGAIN', 'host-unknown', true],
    ['ETIMEDOUT', 'timeout', true],
    ['UND_ERR_CONNECT_TIMEOUT', 'timeout', true],
    ['EHOSTUNREACH', 'connection-failed', true],
    ['ENETUNREACH', 'connection-failed', true],
    ['EADDRNOTAVAIL', 'connection-failed', true],
    ['ECONNRESET', 'connection-failed', true],
    ['ECONNABORTED', 'connection-failed', true],
    ['EPIPE', 'connection-failed', true],
    ['UND_ERR_SOCKET', 'connection-failed', true],
    ['UND_ERR_HEADERS_OVERFLOW', 'connection-failed', false],
    ['HPE_INVALID_CONSTANT', 'connection-failed', false],
    ['CERT_HAS_EXPIRED', 'tls-expired', false],
    ['CERT_NOT_YET_VALID', 'tls-expired', false],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls-wrong-host', false],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls-unknown-ca', false],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'tls-unknown-ca', false],
    ['UNABLE_TO_GET_ISSUER_CERT', 'tls-unknown-ca', false],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'tls-unknown-ca', false],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls-unknown-ca', false],
    ['CERT_REVOKED', 'tls-failed', false],
    ['EPROTO', 'tls-failed', false],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls-failed', false],
    ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'tls-failed', false],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'unauthorized', false],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'unauthorized', false],
    ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'unauthorized', false],
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'unauthorized', false],
  ])('%s is %s, retryable %s', (code, expected, retryable) => {
    const cause = failed(code);
    const failure = toNetworkFailure(cause, 'host:8883');
    expect(failure).toMatchObject({ code: expected, retryable, cause, hint: expect.any(String) });
    expect(failure.message).toContain('host:8883');
    expect(failure.message).toContain(code);
  });

  it('names the address that was tried, which may be that of a proxy', () => {
    const error = failed('ECONNREFUSED', { address: '10.0.0.9', port: 3128 });
    expect(toNetworkFailure(error, 'host:443').message).toBe(
      'nothing listens at host:443 (ECONNREFUSED 10.0.0.9:3128)',
    );
  });

  it('names what a certificate is for', () => {
    const error = failed('ERR_TLS_CERT_ALTNAME_INVALID', { reason: 'Host: a is not DNS:b' });
    expect(toNetworkFailure(error, 'a:443').message).toContain('Host: a is not DNS:b');
  });

  it('of a kind that is not listed is at least a connection that cannot be made', () => {
    const error = failed('EACCES', { syscall: 'connect' });
    expect(toNetworkFailure(error, 'host:1')).toMatchObject({ code: 'connection-failed' });
    const disk = failed('EACCES', { syscall: 'open' });
    expect(() => toNetworkFailure(disk, 'host:1')).toThrowError(disk);
  });

  it('is found inside the error that wraps it', () => {
    const error = new Error('fetch failed', { cause: failed('ENOTFOUND') });
    expect(toNetworkFailure(error, 'host:443').code).toBe('host-unknown');
  });

  it('that was understood before stays as it is', () => {
    const known = new OtaError('cancelled', 'stopped');
    expect(toNetworkFailure(known, 'host:1')).toBe(known);
  });

  it.each([
    new TypeError('x is not a function'),
    failed('ERR_INVALID_ARG_TYPE'),
    'text',
    undefined,
  ])('that is a bug is thrown again: %s', (bug) => {
    let thrown: unknown = 'nothing';
    try {
      toNetworkFailure(bug, 'host:1');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBe(bug);
  });
});
