import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCertificateAuthority } from '../../tools/simulator/certificates.ts';
import { fileBlock, splitWords } from '../support/console-blocks.ts';
import { replaceAll, startGuideNginx } from '../support/guide-nginx.ts';
import { run } from '../support/run.ts';
import { adminKey, clientOf } from '../support/service.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';

const guide = readFileSync(resolve(import.meta.dirname, '../../docs/service.md'), 'utf8');
const unit = fileBlock(guide, 'ota.service');
const authority = await createCertificateAuthority(new Date());
const certificates = {
  server: await authority.issue({ names: ['127.0.0.1'] }),
  d1: await authority.issue({ names: ['d1'] }),
  strange: await (await createCertificateAuthority(new Date())).issue({ names: ['d1'] }),
};

let folder: string;
const running: { stop(): Promise<unknown> }[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-guide-'));
});
afterEach(async () => {
  for (const server of running.splice(0).reverse()) await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** The service as the unit starts it. */
async function startAsUnit(env: Record<string, string> = {}, port = 0): Promise<ServiceProcess> {
  const line = /^ExecStart=\/usr\/bin\/ota serve (.*)$/m.exec(unit)?.[1] ?? '';
  const words = splitWords(replaceAll(line, [['/var/lib/ota', join(folder, 'data')]]));
  words.push('--port', String(port));
  const node = await startServiceProcess(words, {
    cwd: folder,
    env: { API_KEY: adminKey, ...env },
  });
  running.push(node);
  return node;
}

async function startNginx(name: string, node: ServiceProcess) {
  const nginx = await startGuideNginx({
    text: fileBlock(guide, name),
    service: new URL(node.url).host,
    certificate: certificates.server,
    ...(name.includes('mtls') ? { devicesCa: authority.ca } : {}),
  });
  running.push(nginx);
  return nginx;
}

interface Ask extends RequestOptions {
  readonly body?: Buffer;
}

async function ask(url: string, { body, ...options }: Ask = {}) {
  const send = url.startsWith('https:') ? request : plainRequest;
  const sending = send(url, { ca: authority.ca, agent: false, ...options } as RequestOptions);
  const answered = once(sending, 'response');
  sending.on('error', () => undefined); // what comes after the answer is no news
  sending.end(body);
  const [answer] = (await answered) as [IncomingMessage];
  const bytes = await buffer(answer);
  return { status: answer.statusCode, headers: answer.headers, bytes, text: bytes.toString() };
}

const checkOf = (id: string, model = 'esp32'): string =>
  `/api/firmware/check?device_id=${id}&device_model=${model}&current_version=1.0.0`;

describe('the systemd unit of the guide', () => {
  it('is one that systemd takes without a word', async () => {
    const program = join(folder, 'ota');
    await writeFile(program, '#!/bin/sh\n');
    await chmod(program, 0o755);
    const file = join(folder, 'ota.service');
    await writeFile(file, replaceAll(unit, [['/usr/bin/ota', program]]));
    const verified = await run('systemd-analyze', ['verify', '--man=no', file]);
    expect(verified).toEqual({ exitCode: 0, output: '' });
    // It does complain when there is something to complain about.
    await writeFile(file, `${unit}\nNoSuchThing=1\n`);
    const complaint = await run('systemd-analyze', ['verify', '--man=no', file]);
    expect(complaint.output).toContain('NoSuchThing');
  });

  it('starts a service that ends in order when it is told to', async () => {
    const node = await startAsUnit();
    expect((await ask(`${node.url}/ready`)).status).toBe(200);
    expect(await node.stop()).toBe(0);
  });
});

describe('nginx as the guide sets it up, in front of the service', () => {
  it('hands downloads through whole, in parts and as they are', async () => {
    const node = await startAsUnit();
    const image = Buffer.alloc(2_000_000, 'an image of another kind ');
    await clientOf(node.url).upload('1.0.0', image);
    const { url } = await startNginx('ota.conf', node);
    const path = `${url}/api/firmware/download/1.0.0`;
    const headers = { 'accept-encoding': 'gzip' };
    const whole = await ask(path, { headers });
    expect(whole.bytes.equals(image)).toBe(true);
    expect(whole.headers).toMatchObject({
      'content-length': String(image.length),
      etag: `"${createHash('sha256').update(image).digest('hex')}"`,
    });
    expect(whole.headers).not.toHaveProperty('content-encoding');
    expect(whole.headers).not.toHaveProperty('transfer-encoding');
    const etag = String(whole.headers.etag);
    const rest = await ask(path, {
      headers: { ...headers, range: 'bytes=1000000-', 'if-range': etag },
    });
    expect([rest.status, rest.bytes.equals(image.subarray(1_000_000))]).toEqual([206, true]);
    expect(rest.headers['content-range']).toBe('bytes 1000000-1999999/2000000');
    expect((await ask(path, { headers: { range: 'bytes=2000000-' } })).status).toBe(416);
    const head = await ask(path, { method: 'HEAD' });
    expect([head.status, head.headers['content-length'], head.bytes.length]).toEqual([
      200,
      String(image.length),
      0,
    ]);
    expect((await ask(path, { headers: { 'if-none-match': etag } })).status).toBe(304);
  });

  it('takes uploads as far as the service does, and leaves the word to it', async () => {
    const node = await startAsUnit();
    const { url } = await startNginx('ota.conf', node);
    const upload = (version: string, bytes: number) =>
      ask(`${url}/api/v1/firmware?model=esp32&version=${version}`, {
        method: 'PUT',
        headers: { 'x-api-key': adminKey, 'content-type': 'application/octet-stream' },
        body: randomBytes(bytes),
      });
    expect((await upload('1.0.0', 30 * 1024 * 1024)).status).toBe(201);
    const large = await upload('2.0.0', 36 * 1024 * 1024);
    expect(large.status).toBe(413);
    expect(large.text).toContain('"code":"upload-too-large"');
    const huge = await upload('3.0.0', 50 * 1024 * 1024).catch((error: Error) => error.message);
    expect(huge).toSatisfy(
      (answer: unknown) =>
        (answer as { status?: number }).status === 413 || /EPIPE|ECONNRESET/.test(String(answer)),
    );
    expect((await ask(`${url}/health`)).status).toBe(200);
  });

  it('counts by the address of the client, whatever that says itself', async () => {
    const node = await startAsUnit({ OTA_ADDRESS_RATE_LIMIT: '5', OTA_LOG_LEVEL: 'info' });
    const { url } = await startNginx('ota.conf', node);
    const from = async (localAddress: string, forged?: string) => {
      const headers = forged === undefined ? {} : { 'x-forwarded-for': forged };
      return (await ask(`${url}${checkOf('d1')}`, { localAddress, headers })).status;
    };
    for (let turn = 0; turn < 5; turn += 1) expect(await from('127.0.0.1')).toBe(200);
    expect(await from('127.0.0.1')).toBe(429);
    expect(await from('127.0.0.1', '203.0.113.9')).toBe(429);
    expect(await from('127.0.0.2')).toBe(200);
    // Past nginx nobody's word counts but that of the trusted address.
    const direct = (localAddress: string) =>
      ask(`${node.url}${checkOf('d1')}`, {
        localAddress,
        headers: { 'x-forwarded-for': '203.0.113.77' },
      });
    for (let turn = 0; turn < 5; turn += 1) await direct('127.0.0.3');
    expect((await direct('127.0.0.3')).status).toBe(429);
    expect(node.log()).toContain('"address":"127.0.0.2"');
    expect(node.log()).not.toContain('203.0.113');
  });

  it('finds the service again that was away', async () => {
    const node = await startAsUnit();
    const { url } = await startNginx('ota.conf', node);
    expect((await ask(`${url}/health`)).status).toBe(200);
    await node.kill();
    expect((await ask(`${url}/health`)).status).toBe(502);
    await startAsUnit({}, Number(new URL(node.url).port));
    expect((await ask(`${url}/health`)).status).toBe(200);
  });
});

describe('nginx that takes the certificates of devices', () => {
  async function start() {
    const node = await startAsUnit();
    const { url } = await startNginx('ota-mtls.conf', node);
    await clientOf(node.url).call('PUT', '/api/v1/models/locked', { auth: 'mtls' });
    return { node, url };
  }

  it('names the device to the service, and nobody else can', async () => {
    const { node, url } = await start();
    const check = async (id: string, options: Ask = {}) =>
      (await ask(`${url}${checkOf(id, 'locked')}`, options)).status;
    const forged = { headers: { 'x-client-cn': 'd1' } };
    expect(await check('d1', certificates.d1)).toBe(200);
    expect(await check('d2', certificates.d1)).toBe(401);
    expect(await check('d1')).toBe(401);
    expect(await check('d1', forged)).toBe(401);
    expect(await check('d2', { ...certificates.d1, headers: { 'x-client-cn': 'd2' } })).toBe(401);
    const strange = await check('d1', { ...certificates.strange, ...forged });
    expect([400, 401]).toContain(strange); // nginx itself turns a bad certificate away with 400
    expect((await ask(`${url}${checkOf('d9', 'open')}`)).status).toBe(200);
    const direct = `${node.url}${checkOf('d1', 'locked')}`;
    expect((await ask(direct, { ...forged, localAddress: '127.0.0.2' })).status).toBe(401);
  });

  it.each([
    ['CN=d1,O=Fleet', 'd1'],
    ['CN=d1', 'd1'],
    ['O=x\\,CN=d1', ''],
    ['O=x,CN=d1', ''],
    ['CN=d1+OU=x', ''],
    ['CN=d1\\,x', ''],
    ['', ''],
  ])('reads the name of %s as %j', (name, expected) => {
    const [, pattern = ''] = /"~(\^SUCCESS [^"]+)"/.exec(fileBlock(guide, 'ota-mtls.conf')) ?? [];
    const found = new RegExp(pattern).exec(`SUCCESS ${name}`)?.groups?.cn ?? '';
    expect(found).toBe(expected);
    expect(new RegExp(pattern).test(`FAILED:expired ${name}`)).toBe(false);
  });
});
