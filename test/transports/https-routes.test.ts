import { describe, expect, it, onTestFinished } from 'vitest';
import type { ReceiverReply } from '../../tools/simulator/https-receiver.ts';
import { chooseProxy } from '../../tools/transports/https/proxy.ts';
import { tlsSamples } from '../support/authority.ts';
import { holdClosedPort } from '../support/closed-port.ts';
import { failureOf, sampleBytes } from '../support/deliveries.ts';
import { receiver, sendHttps } from '../support/https.ts';
import { createSilentServer, findFreePort } from '../support/peers.ts';
import { createProxy } from '../support/proxy.ts';

const { ca, good } = tlsSamples;

function to(location: string, status = 307): ReceiverReply {
  return { status, headers: { Location: location } };
}

describe('redirects', () => {
  it.each([307, 308])('%i is followed with the whole body', async (status) => {
    const server = await receiver({ replies: [to('/other?x=1', status)] });
    const headers = { Authorization: 'Bearer t0ken' };
    await sendHttps({ url: `${server.url}/fw`, headers });
    const [first, second] = server.uploads;
    expect([first?.path, second?.path]).toEqual(['/fw', '/other?x=1']);
    expect(second?.method).toBe('PUT');
    expect(second?.body.equals(sampleBytes)).toBe(true);
    expect(second?.headers.authorization).toBe('Bearer t0ken');
  });

  it('is followed also when it comes before the body is through', async () => {
    const server = await receiver({
      replies: [{ status: 307, headers: { Location: '/b' }, early: true }],
    });
    const bytes = Buffer.alloc(20_000_000, 1);
    const receipt = await sendHttps({ url: server.url }, { bytes });
    expect(receipt.sentBytes).toBe(bytes.length);
    expect(server.uploads.map(({ path, body }) => [path, body.length])).toEqual([
      ['/b', bytes.length],
    ]);
  });

  it('another origin gets the firmware, but no header and no credential of the channel', async () => {
    const far = await receiver({ tls: good });
    const near = await receiver({ tls: good, replies: [to(`${far.url}/fw`)] });
    await sendHttps({
      url: near.url.replace('://', '://jane:hunter2@'),
      headers: { 'X-Mine': 'hunter2', 'Content-Type': 'application/x-firmware' },
      ca,
    });
    expect(near.uploads[0]?.headers).toHaveProperty('authorization');
    expect(near.uploads[0]?.headers).toHaveProperty('x-mine');
    const { headers = {}, body } = far.uploads[0] ?? {};
    expect(headers).not.toHaveProperty('authorization');
    expect(headers).not.toHaveProperty('x-mine');
    expect(headers).toMatchObject({
      'content-type': 'application/x-firmware',
      'x-firmware-version': '1.2.3',
    });
    expect(body?.equals(sampleBytes)).toBe(true);
  });

  it('back at the first origin the headers stay away all the same', async () => {
    const port = await findFreePort();
    const far = await receiver({ replies: [to(`http://127.0.0.1:${port}/again`)] });
    const near = await receiver({ port, replies: [to(far.url)] });
    await sendHttps({ url: near.url, headers: { 'X-Mine': 'hunter2' } });
    const [first, again] = near.uploads;
    expect(first?.headers).toHaveProperty('x-mine');
    expect(again?.path).toBe('/again');
    expect(again?.headers).not.toHaveProperty('x-mine');
  });

  it('a redirect within the other origin does not bring them back', async () => {
    const far = await receiver({ replies: [to('/further')] });
    const near = await receiver({ replies: [to(far.url)] });
    await sendHttps({ url: near.url, headers: { 'X-Mine': 'hunter2' } });
    expect(far.uploads.map(({ path }) => path)).toEqual(['/', '/further']);
    for (const { headers } of far.uploads) expect(headers).not.toHaveProperty('x-mine');
  });

  it('no client certificate is shown to another origin', async () => {
    const far = await receiver({ tls: { ...good, clientCa: ca } });
    const near = await receiver({ tls: { ...good, clientCa: ca }, replies: [to(`${far.url}/`)] });
    const error = await failureOf(sendHttps({ url: near.url, ca, ...tlsSamples.client }));
    expect(error).toMatchObject({ code: expect.stringMatching(/unauthorized|connection-failed/) });
    expect(near.uploads).toHaveLength(1);
    expect(far.uploads).toHaveLength(0);
  });

  it.each([300, 301, 302, 303])('%i would lose the firmware, and is refused', async (status) => {
    const server = await receiver({ replies: [to('/other?token=hunter2', status)] });
    const error = await failureOf(sendHttps({ url: server.url }));
    expect(error).toMatchObject({
      code: 'http-redirect',
      retryable: false,
      hint: expect.stringContaining('307 or 308'),
    });
    expect(error.message).toContain('/other?token=***');
    expect(server.uploads).toHaveLength(1);
  });

  it('away from https is refused', async () => {
    const plain = await receiver();
    const server = await receiver({ tls: good, replies: [to(plain.url)] });
    const error = await failureOf(sendHttps({ url: server.url, ca }));
    expect(error).toMatchObject({ code: 'http-redirect' });
    expect(plain.uploads).toEqual([]);
  });

  it('from http to https is followed', async () => {
    const secure = await receiver({ tls: good });
    const server = await receiver({ replies: [to(secure.url)] });
    const error = await failureOf(sendHttps({ url: server.url }));
    // The authority is not known; what matters is that the way was taken.
    expect(error).toMatchObject({ code: 'tls-unknown-ca' });
    expect(error.message).toContain(`127.0.0.1:${secure.port}`);
  });

  it.each([
    ['ftp://host/', 'redirected to ftp://host/'],
    ['http://[', 'not a URL'],
  ])('to %s is refused', async (location, words) => {
    const server = await receiver({ replies: [to(location)] });
    const error = await failureOf(sendHttps({ url: server.url }));
    expect(error).toMatchObject({ code: 'http-redirect', retryable: false });
    expect(error.message).toContain(words);
  });

  it('without a Location is refused', async () => {
    const server = await receiver({ replies: [{ status: 308 }] });
    const error = await failureOf(sendHttps({ url: server.url }));
    expect(error).toMatchObject({ code: 'http-redirect' });
  });

  it('five are followed, a sixth is not', async () => {
    const five = await receiver({ replies: Array.from({ length: 5 }, () => to('/next')) });
    expect((await sendHttps({ url: five.url })).answer).toContain('201');
    const six = await receiver({ replies: Array.from({ length: 6 }, () => to('/next')) });
    const error = await failureOf(sendHttps({ url: six.url }));
    expect(error).toMatchObject({ code: 'http-redirect' });
    expect(six.uploads).toHaveLength(6);
  });

  it('progress does not go back', async () => {
    const seen: number[] = [];
    const server = await receiver({ replies: [to('/next')] });
    const context = { onProgress: (bytes: number) => seen.push(bytes) };
    await sendHttps({ url: server.url }, { context });
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
  });
});

describe('proxies of the environment', () => {
  it('HTTPS goes through a tunnel, and the certificate is checked inside it', async () => {
    const proxy = await createProxy();
    const server = await receiver({ tls: good });
    const context = { env: { HTTPS_PROXY: proxy.url } };
    await sendHttps({ url: server.url, ca }, { context });
    expect(proxy.requests).toEqual([`CONNECT 127.0.0.1:${server.port}`]);
    expect(server.uploads[0]?.body.equals(sampleBytes)).toBe(true);
    expect(await failureOf(sendHttps({ url: server.url }, { context }))).toMatchObject({
      code: 'tls-unknown-ca',
    });
  });

  it('a client certificate reaches the server through the tunnel', async () => {
    const proxy = await createProxy();
    const server = await receiver({ tls: { ...good, clientCa: ca } });
    const context = { env: { https_proxy: proxy.url } };
    await sendHttps({ url: server.url, ca, ...tlsSamples.client }, { context });
    expect(server.uploads).toHaveLength(1);
  });

  it('plain HTTP is asked of the proxy as it is', async () => {
    const proxy = await createProxy();
    const server = await receiver();
    await sendHttps({ url: `${server.url}/fw` }, { context: { env: { http_proxy: proxy.url } } });
    expect(proxy.requests).toEqual([`PUT ${server.url}/fw`]);
    expect(server.uploads[0]?.body.equals(sampleBytes)).toBe(true);
  });

  it('user and password of the proxy go to the proxy, and to nobody else', async () => {
    const proxy = await createProxy();
    const [secure, plain] = [await receiver({ tls: good }), await receiver()];
    const named = proxy.url.replace('://', '://jane:p%40ss@');
    const context = { env: { all_proxy: named } };
    await sendHttps({ url: secure.url, ca }, { context });
    await sendHttps({ url: plain.url }, { context });
    const basic = `Basic ${btoa('jane:p@ss')}`;
    expect(proxy.authorizations).toEqual([basic, basic]);
    for (const { headers } of [...secure.uploads, ...plain.uploads]) {
      expect(headers).not.toHaveProperty('authorization');
    }
    expect(secure.uploads[0]?.headers).not.toHaveProperty('proxy-authorization');
  });

  it('an early answer comes through the tunnel', async () => {
    const proxy = await createProxy();
    const server = await receiver({ tls: good, replies: [{ status: 413, early: true }] });
    const context = { env: { HTTPS_PROXY: proxy.url } };
    const bytes = Buffer.alloc(20_000_000);
    const error = await failureOf(sendHttps({ url: server.url, ca }, { context, bytes }));
    expect(error.message).toContain('413');
  });

  it('a proxy that is not there is named, not the server', async () => {
    const port = await holdClosedPort();
    const context = { env: { HTTPS_PROXY: `127.0.0.1:${port}` } };
    const error = await failureOf(sendHttps({ url: 'https://ota.example/' }, { context }));
    expect(error).toMatchObject({ code: 'connection-refused', retryable: true });
    expect(error.message).toContain(`the proxy 127.0.0.1:${port}`);
  });

  it('a proxy that never answers is a timeout', async () => {
    const silent = await createSilentServer();
    onTestFinished(silent.close);
    const env = { HTTPS_PROXY: `http://127.0.0.1:${silent.port}` };
    const context = { env, timeoutMs: 100 };
    const error = await failureOf(sendHttps({ url: 'https://ota.example/' }, { context }));
    expect(error).toMatchObject({ code: 'timeout', retryable: true });
    await silent.disconnected;
  });

  it.each(['socks5://host:1', 'http://', 'ftp://host'])('the proxy %s is refused', async (text) => {
    const context = { env: { https_proxy: text } };
    const error = await failureOf(sendHttps({ url: 'https://ota.example/' }, { context }));
    expect(error).toMatchObject({
      code: 'connection-failed',
      retryable: false,
      hint: expect.stringContaining('HTTPS_PROXY'),
    });
  });

  it.each([
    ['https://h/', { https_proxy: 'a', HTTPS_PROXY: 'b' }, 'a'],
    ['https://h/', { https_proxy: '', HTTPS_PROXY: 'b' }, 'b'],
    ['https://h/', { http_proxy: 'a' }, undefined],
    ['http://h/', { https_proxy: 'a' }, undefined],
    ['http://h/', { HTTP_PROXY: 'a', ALL_PROXY: 'b' }, 'a'],
    ['https://h/', { ALL_PROXY: 'b' }, 'b'],
    ['https://h/', { all_proxy: 'b', no_proxy: '*' }, undefined],
    ['https://h/', { all_proxy: 'b', no_proxy: 'x, H ,y' }, undefined],
    ['https://a.h/', { all_proxy: 'b', no_proxy: 'h' }, undefined],
    ['https://a.h/', { all_proxy: 'b', no_proxy: '.h' }, undefined],
    ['https://a.h/', { all_proxy: 'b', no_proxy: '*.h' }, undefined],
    ['https://ah/', { all_proxy: 'b', no_proxy: 'h' }, 'b'],
    ['https://h/', { all_proxy: 'b', no_proxy: 'a.h' }, 'b'],
    ['https://h/', { all_proxy: 'b', no_proxy: 'h:443' }, undefined],
    ['https://h:444/', { all_proxy: 'b', no_proxy: 'h:443' }, 'b'],
    ['https://[::1]/', { all_proxy: 'b', no_proxy: '::1' }, undefined],
    ['https://[::1]/', { all_proxy: 'b', no_proxy: '[::1]:443' }, undefined],
    ['https://[::1]/', { all_proxy: 'b', no_proxy: '[::1]:444' }, 'b'],
    ['https://h/', {}, undefined],
  ])('for %s with %j it is %s', (url, env, expected) => {
    expect(chooseProxy(new URL(url), env)?.hostname).toBe(expected);
  });

  it('NO_PROXY keeps hosts away from it', async () => {
    const proxy = await createProxy();
    const server = await receiver({ tls: good });
    const env = { HTTPS_PROXY: proxy.url, NO_PROXY: 'example.com,127.0.0.1' };
    await sendHttps({ url: server.url, ca }, { context: { env } });
    expect(proxy.requests).toEqual([]);
    expect(server.uploads).toHaveLength(1);
  });

  it('the environment of the process is not looked at', async () => {
    const server = await receiver({ tls: good });
    const names = ['HTTPS_PROXY', 'https_proxy'] as const;
    const before = names.map((name) => process.env[name]);
    for (const name of names) process.env[name] = 'http://127.0.0.1:1';
    try {
      await sendHttps({ url: server.url, ca });
    } finally {
      names.forEach((name, index) => {
        const value = before[index];
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      });
    }
    expect(server.uploads).toHaveLength(1);
  });

  it.each([
    [407, 'unauthorized', false],
    [403, 'connection-failed', false],
    [502, 'connection-failed', true],
  ])('a proxy that answers %i is named', async (status, code, retryable) => {
    const proxy = await createProxy(status);
    const server = await receiver({ tls: good });
    const context = { env: { HTTPS_PROXY: proxy.url } };
    const error = await failureOf(sendHttps({ url: server.url, ca }, { context }));
    expect(error).toMatchObject({ code, retryable, hint: expect.stringContaining('roxy') });
    expect(error.message).toContain(`status ${status}`);
  });
});
