import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { tlsSamples } from '../support/authority.ts';
import { failureOf, sampleBytes } from '../support/deliveries.ts';
import { sendHttps } from '../support/https.ts';
import { type NginxOptions, type RealNginx, startNginx } from '../support/real-nginx.ts';

const { ca, good } = tlsSamples;
const credentials = { username: 'publisher', password: 's3cret' };

async function nginx(options?: NginxOptions): Promise<RealNginx> {
  const server = await startNginx(options);
  onTestFinished(server.stop);
  return server;
}

async function sha256Of(server: RealNginx, name: string): Promise<string> {
  return sha256(await readFile(join(server.uploads, name)));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('nginx with TLS, PUT and Basic authentication', () => {
  it('stores the very bytes under the path of the URL', async () => {
    const server = await nginx({ tls: good, credentials });
    const url = `${server.url.replace('://', '://publisher:s3cret@')}/fw/{version}/{filename}`;
    const receipt = await sendHttps({ url, ca });
    expect(receipt).toMatchObject({ sentBytes: sampleBytes.length, answer: '201 Created' });
    const stored = await sha256Of(server, 'fw/1.2.3/Test_Gateway-1.2.3.bin');
    expect(stored).toBe(sha256(sampleBytes));
  });

  it('takes the credentials from a header as well', async () => {
    const server = await nginx({ tls: good, credentials });
    const Authorization = `Basic ${btoa('publisher:s3cret')}`;
    await sendHttps({ url: `${server.url}/fw.bin`, ca, headers: { Authorization } });
    expect(await sha256Of(server, 'fw.bin')).toBe(sha256(sampleBytes));
  });

  it('turns a wrong password away', async () => {
    const server = await nginx({ tls: good, credentials });
    const url = `${server.url.replace('://', '://publisher:wr0ng@')}/fw.bin`;
    const error = await failureOf(sendHttps({ url, ca }));
    expect(error).toMatchObject({ code: 'unauthorized', retryable: false });
    expect(error.message).toContain('401 Unauthorized');
    expect(error.message).not.toContain('wr0ng');
  });

  it.each([
    ['of an authority that we do not know', good, {}, 'tls-unknown-ca'],
    ['that has expired', tlsSamples.expired, { ca }, 'tls-expired'],
    ['for another host', tlsSamples.wrongHost, { ca }, 'tls-wrong-host'],
  ] as const)('with a certificate %s is refused by us', async (_which, tls, settings, code) => {
    const server = await nginx({ tls });
    const sending = sendHttps({ url: `${server.url}/fw.bin`, ...settings });
    expect(await failureOf(sending)).toMatchObject({ code, retryable: false });
  });

  it('asks for a client certificate, and gets it', async () => {
    const server = await nginx({ tls: { ...good, clientCa: ca } });
    const channel = { url: `${server.url}/fw.bin`, ca };
    const error = await failureOf(sendHttps(channel));
    expect(error.message).toContain('400 Bad Request');
    await sendHttps({ ...channel, ...tlsSamples.client });
    expect(await sha256Of(server, 'fw.bin')).toBe(sha256(sampleBytes));
  });
});

describe('nginx otherwise', () => {
  it('answers 413 before a large body is read, and 413 is what we report', async () => {
    const server = await nginx({ tls: good, maxBodySize: '1m' });
    const channel = { url: `${server.url}/fw.bin`, ca };
    for (let round = 0; round < 5; round += 1) {
      const error = await failureOf(sendHttps(channel, { bytes: randomBytes(20_000_000) }));
      expect(error).toMatchObject({ code: 'http-status', retryable: false });
      expect(error.message).toContain('413');
    }
  });

  it('does not take POST here, and says so', async () => {
    const server = await nginx();
    await sendHttps({ url: `${server.url}/fw.bin` });
    const error = await failureOf(sendHttps({ url: `${server.url}/fw.bin`, method: 'POST' }));
    expect(error).toMatchObject({ code: 'http-status', retryable: false });
    expect(error.message).toContain('405');
  });

  it('redirects with 308, and the firmware follows', async () => {
    const more = ['location = /old.bin { return 308 /new.bin; }'];
    const server = await nginx({ tls: good, more });
    await sendHttps({ url: `${server.url}/old.bin`, ca });
    expect(await sha256Of(server, 'new.bin')).toBe(sha256(sampleBytes));
  });

  it('is overloaded for a while, and tells for how long', async () => {
    const more = ['add_header Retry-After 7 always;', 'if ($request_method = PUT) { return 503; }'];
    const server = await nginx({ more });
    const error = await failureOf(sendHttps({ url: `${server.url}/fw.bin` }));
    expect(error).toMatchObject({ code: 'http-status', retryable: true, retryAfterMs: 7000 });
  });

  it('is there again after a restart', async () => {
    const server = await nginx();
    await server.restart();
    await sendHttps({ url: `${server.url}/fw.bin` });
    expect(await sha256Of(server, 'fw.bin')).toBe(sha256(sampleBytes));
  });

  it('takes 100 MB over TLS', async () => {
    const server = await nginx({ tls: good, credentials });
    const bytes = randomBytes(104_857_600);
    const url = `${server.url.replace('://', '://publisher:s3cret@')}/fw.bin`;
    const receipt = await sendHttps({ url, ca }, { bytes });
    expect(receipt.sentBytes).toBe(bytes.length);
    expect(await sha256Of(server, 'fw.bin')).toBe(sha256(bytes));
  });
});
