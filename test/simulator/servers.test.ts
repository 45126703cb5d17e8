import { X509Certificate } from 'node:crypto';
import { connectAsync } from 'mqtt';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createBroker } from '../../tools/simulator/broker.ts';
import { createCertificateAuthority } from '../../tools/simulator/certificates.ts';
import { createHttpsReceiver } from '../../tools/simulator/https-receiver.ts';

describe('the throw-away authority', () => {
  const now = new Date('2026-01-01T00:00:00Z');

  it('issues certificates for names and addresses, valid from a day ago for thirty days', async () => {
    const authority = await createCertificateAuthority(now);
    const { cert } = await authority.issue({ names: ['a.example', '127.0.0.1', '::1'] });
    const certificate = new X509Certificate(cert);
    const issuer = new X509Certificate(authority.ca);
    expect(issuer.ca).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.checkIssued(issuer)).toBe(true);
    expect(certificate.verify(issuer.publicKey)).toBe(true);
    expect(certificate.subject).toBe('CN=a.example');
    expect(certificate.checkHost('a.example')).toBe('a.example');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('::1')).toBe('::1');
    expect(new Date(certificate.validFrom)).toEqual(new Date('2025-12-31T00:00:00Z'));
    expect(new Date(certificate.validTo)).toEqual(new Date('2026-01-31T00:00:00Z'));
  });

  it('gives every certificate the validity that is asked for, and a key of its own', async () => {
    const authority = await createCertificateAuthority(now);
    const notAfter = new Date('2026-01-02T00:00:00Z');
    const [one, two] = await Promise.all([
      authority.issue({ names: ['one'], notAfter }),
      authority.issue({ names: ['two'] }),
    ]);
    expect(new Date(new X509Certificate(one.cert).validTo)).toEqual(notAfter);
    expect(one.key).not.toBe(two.key);
  });
});

describe('the broker in the process', () => {
  it('carries messages from one client to another, and keeps retained ones', async () => {
    const broker = await createBroker({ users: { device: 'pw' } });
    onTestFinished(broker.close);
    const login = { username: 'device', password: 'pw', reconnectPeriod: 0 };
    const publisher = await connectAsync(broker.url, login);
    await publisher.publishAsync('fw', Buffer.from([1, 2]), { qos: 1, retain: true });
    const device = await connectAsync(broker.url, login);
    const arrived = new Promise((resolve) => device.once('message', (_t, bytes) => resolve(bytes)));
    await device.subscribeAsync('fw');
    expect(await arrived).toEqual(Buffer.from([1, 2]));
    expect(broker.published).toMatchObject([{ topic: 'fw', qos: 1, retain: true }]);
    await Promise.all([publisher.endAsync(), device.endAsync()]);
  });

  it.each([
    ['a wrong password', { username: 'device', password: 'x' }],
    ['an unknown user', { username: 'constructor', password: 'x' }],
    ['nobody', {}],
  ])('turns away %s', async (_who, login) => {
    const broker = await createBroker({ users: { device: 'pw' } });
    onTestFinished(broker.close);
    await expect(
      connectAsync(broker.url, { ...login, reconnectPeriod: 0 }, false),
    ).rejects.toMatchObject({ code: 4 });
  });

  it('a port that is taken is an error, not a silence', async () => {
    const broker = await createBroker();
    onTestFinished(broker.close);
    await expect(createBroker({ port: broker.port })).rejects.toThrowError('EADDRINUSE');
  });

  it('closes with clients still connected', async () => {
    const broker = await createBroker();
    const client = await connectAsync(broker.url, { reconnectPeriod: 0 });
    const closed = new Promise((resolve) => client.once('close', () => resolve('closed')));
    await broker.close();
    expect(await closed).toBe('closed');
  });
});

describe('the receiver in the process', () => {
  it('computes the digest from what arrived', async () => {
    const server = await createHttpsReceiver();
    onTestFinished(server.close);
    const answer = await fetch(`${server.url}/a?b`, { method: 'PUT', body: 'abc' });
    expect([answer.status, await answer.text()]).toEqual([201, 'stored']);
    expect(server.uploads).toMatchObject([
      {
        method: 'PUT',
        path: '/a?b',
        // FIPS 180-2, appendix B.1
        sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
      },
    ]);
  });

  it('answers as it is told, in turn, and then as usual', async () => {
    const server = await createHttpsReceiver({ replies: [{ status: 500 }, { status: 404 }] });
    onTestFinished(server.close);
    const statuses: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      statuses.push((await fetch(server.url, { method: 'PUT', body: 'x' })).status);
    }
    expect(statuses).toEqual([500, 404, 201]);
  });

  it('lets nobody in without the right credentials', async () => {
    const credentials = { username: 'jane', password: 'right' };
    const server = await createHttpsReceiver({ credentials });
    onTestFinished(server.close);
    const ask = async (pair?: string) => {
      const headers = pair === undefined ? {} : { Authorization: `Basic ${btoa(pair)}` };
      return (await fetch(server.url, { method: 'PUT', body: 'x', headers })).status;
    };
    expect([await ask(), await ask('jane:wrong'), await ask('jane:right')]).toEqual([
      401, 401, 201,
    ]);
    expect(server.uploads).toHaveLength(1);
  });
});
