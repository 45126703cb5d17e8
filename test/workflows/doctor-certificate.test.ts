import { createServer } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createCertificateAuthority } from '../../tools/simulator/certificates.ts';
import { startServer, tlsServerOptions } from '../../tools/simulator/server.ts';
import type { TlsFiles } from '../../tools/transports/tls-files.ts';
import { checkCertificates } from '../../tools/workflows/doctor/certificate.ts';
import { tlsSamples } from '../support/authority.ts';
import { holdClosedPort } from '../support/closed-port.ts';
import { rejection } from '../support/code.ts';
import { never, testBroker } from '../support/fleet.ts';
import { createSilentServer } from '../support/peers.ts';

const now = new Date();
const inDays = (days: number) => new Date(now.getTime() + days * 24 * 3600 * 1000);
const root = await createCertificateAuthority(now);

const look = (port: number, tls: TlsFiles = {}) =>
  checkCertificates('broker certificate', {
    ...{ host: '127.0.0.1', port, tls, now, signal: never },
  });

/** What is said of a server whose certificate and the one above it end in so many days. */
async function lookAtChain(leafDays: number, aboveDays: number, tls: TlsFiles = {}) {
  const above = await root.createBelow({ name: 'middle', notAfter: inDays(aboveDays) });
  const server = await above.issue({ names: ['127.0.0.1'], notAfter: inDays(leafDays) });
  const broker = await testBroker({ tls: server });
  return await look(broker.port, tls);
}

describe('the certificates of a server', () => {
  it('are well when all have time', async () => {
    expect(await lookAtChain(100, 200)).toMatchObject({
      status: 'ok',
      message: expect.stringMatching(/^2 certificates, valid until .*, the end of "127\.0\.0\.1"$/),
    });
  });

  it('deserve a warning when the one in between ends before long', async () => {
    expect(await lookAtChain(100, 10.5)).toMatchObject({
      status: 'warning',
      message: expect.stringMatching(/^the authority "middle" expires on \S+, in 10 days$/),
    });
  });

  it('fail when the one in between has expired', async () => {
    expect(await lookAtChain(100, -0.5)).toMatchObject({
      status: 'failed',
      message: expect.stringMatching(/^the authority "middle" expired on /),
    });
  });

  it('are followed to the root that we trust', async () => {
    const found = await lookAtChain(100, 200, { ca: root.ca });
    // Throw-away authorities end after 30 days.
    expect(found).toMatchObject({
      status: 'warning',
      message: expect.stringMatching(/^the authority "esp-ota-toolkit throw-away authority" exp/),
    });
  });

  it('are shown to those who show theirs', async () => {
    const tls = { ...tlsServerOptions({ ...tlsSamples.good, clientCa: tlsSamples.ca }) };
    // Later versions let a client in before they look at its certificate.
    const server = await startServer(createServer({ ...tls, maxVersion: 'TLSv1.2' }));
    onTestFinished(server.close);
    expect((await look(server.port, tlsSamples.client)).message).toMatch(/"127\.0\.0\.1" expires/);
    expect((await look(server.port)).status).toBe('failed');
  });
});

describe('a server without a certificate', () => {
  it('fails the check, with what is wrong', async () => {
    const broker = await testBroker();
    const plain = await look(broker.port);
    expect(plain).toMatchObject({ status: 'failed', remedy: expect.stringContaining('TLS') });
    const closed = await look(await holdClosedPort());
    expect(closed.message).toContain('ECONNREFUSED');
  });

  it('is left when the user stops', async () => {
    const silent = await createSilentServer();
    const stop = new AbortController();
    const checking = checkCertificates('c', {
      ...{ host: '127.0.0.1', port: silent.port, tls: {}, now, signal: stop.signal },
    });
    await silent.connected;
    stop.abort();
    expect((await rejection(checking)).code).toBe('cancelled');
    await silent.close();
  });
});
