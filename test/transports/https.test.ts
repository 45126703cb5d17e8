import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { https } from '../../tools/transports/https.ts';
import { tlsSamples } from '../support/authority.ts';
import { factsOf, failureOf, payloadOf, sampleBytes, sendContext } from '../support/deliveries.ts';
import { receiver, sendHttps } from '../support/https.ts';

const digest = createHash('sha256').update(sampleBytes).digest();

describe('one request carries the firmware', () => {
  it('with its exact length, its digests and its version', async () => {
    const server = await receiver({ tls: tlsSamples.good });
    const receipt = await sendHttps({ url: `${server.url}/fw/{filename}`, ca: tlsSamples.ca });
    expect(receipt).toEqual({
      sentBytes: sampleBytes.length,
      warnings: [],
      answer: '201 Created: stored',
    });
    const [upload, ...more] = server.uploads;
    expect(more).toEqual([]);
    expect(upload).toMatchObject({ method: 'PUT', path: '/fw/Test_Gateway-1.2.3.bin' });
    expect(upload?.sha256).toBe(digest.toString('hex'));
    expect(upload?.headers).toEqual({
      host: `127.0.0.1:${server.port}`,
      connection: 'close',
      'content-type': 'application/octet-stream',
      'content-length': '300000',
      'content-digest': `sha-256=:${digest.toString('base64')}:`,
      'x-checksum-sha256': digest.toString('hex'),
      'x-firmware-version': '1.2.3',
      'user-agent': `esp-ota-toolkit/${packageJson.version}`,
    });
  });

  it('with the method and the headers of the channel, which win over our own', async () => {
    const server = await receiver();
    await sendHttps({
      url: server.url,
      method: 'post',
      headers: { 'content-type': 'application/x-firmware', 'X-Api-Key': 'k', 'user-agent': 'me' },
    });
    const [upload] = server.uploads;
    expect(upload?.method).toBe('POST');
    expect(upload?.headers).toMatchObject({
      'content-type': 'application/x-firmware',
      'x-api-key': 'k',
      'user-agent': 'me',
      'x-firmware-version': '1.2.3',
    });
  });

  it('as a form with one file, whose length is known as well', async () => {
    const server = await receiver();
    await sendHttps({ url: server.url, encoding: 'multipart', field: 'im"age' });
    const [upload] = server.uploads;
    const { headers = {}, body = Buffer.alloc(0) } = upload ?? {};
    expect(headers['transfer-encoding']).toBeUndefined();
    expect(headers['content-length']).toBe(String(body.length));
    expect(headers['content-digest']).toBeUndefined();
    const type = String(headers['content-type']);
    const form = await new Response(body, { headers: { 'Content-Type': type } }).formData();
    expect([...form.keys()]).toEqual(['im"age']);
    const file = form.get('im"age') as File;
    expect(file.name).toBe('Test_Gateway-1.2.3.bin');
    expect(file.type).toBe('application/octet-stream');
    expect(Buffer.from(await file.arrayBuffer()).equals(sampleBytes)).toBe(true);
  });

  it('the form field is called firmware unless the channel says otherwise', async () => {
    const server = await receiver();
    await sendHttps({ url: server.url, encoding: 'multipart' });
    expect(server.uploads[0]?.body.toString('latin1')).toContain('name="firmware"');
  });

  it('placeholders are percent-encoded, and the version fits into a header', async () => {
    const server = await receiver();
    const version = '1.0+b/7 é';
    await sendHttps({ url: `${server.url}/{version}?v={version}` }, { version });
    const [upload] = server.uploads;
    expect(upload?.path).toBe('/1.0%2Bb%2F7%20%C3%A9?v=1.0%2Bb%2F7%20%C3%A9');
    expect(upload?.headers['x-firmware-version']).toBe('1.0+b/7%20%C3%A9');
  });

  it('user and password of the URL become Basic authentication, and leave the URL', async () => {
    const server = await receiver({ credentials: { username: 'jane', password: 'p@ss' } });
    const url = server.url.replace('://', '://jane:p%40ss@');
    await sendHttps({ url });
    expect(server.uploads[0]?.path).toBe('/');
    expect(server.uploads[0]?.headers.host).toBe(`127.0.0.1:${server.port}`);
  });

  it('a file that is not as long as announced never arrives whole', async () => {
    const server = await receiver();
    for (const sizeBytes of [sampleBytes.length - 1, sampleBytes.length + 1]) {
      const payload = payloadOf(sampleBytes, { sizeBytes });
      const [delivery] = https.prepare(
        { url: server.url, allow_http: true },
        { artifact: payload.facts, devices: [] },
      );
      const error = await failureOf(delivery?.send(payload, sendContext()) ?? Promise.resolve());
      expect(error).toMatchObject({ code: 'artifact-size-mismatch', retryable: false });
    }
    expect(server.uploads).toEqual([]);
  });

  it('an error while the file is read ends the delivery with that error', async () => {
    const server = await receiver();
    const facts = factsOf(sampleBytes);
    const [delivery] = https.prepare(
      { url: server.url, allow_http: true },
      { artifact: facts, devices: [] },
    );
    const broken = new Error('disk on fire');
    const stream = () =>
      new Readable({
        read() {
          this.destroy(broken);
        },
      });
    const payload = { facts, stream, bytes: async () => sampleBytes };
    const sending = delivery?.send(payload, sendContext()) ?? Promise.resolve();
    expect(await failureOf(sending)).toBe(broken);
  });
});
