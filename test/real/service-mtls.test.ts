import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, type AgentOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Certificate,
  createCertificateAuthority,
} from '../../tools/simulator/certificates.ts';
import { startOta } from '../support/cli-process.ts';
import { adminKey } from '../support/service.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';

const dayMs = 24 * 3600 * 1000;
const now = new Date();
const authority = await createCertificateAuthority(now);
const stranger = await createCertificateAuthority(now);
const certificates = {
  server: await authority.issue({ names: ['127.0.0.1'] }),
  d1: await authority.issue({ names: ['d1'] }),
  expired: await authority.issue({
    names: ['d1'],
    notBefore: new Date(now.getTime() - 2 * dayMs),
    notAfter: new Date(now.getTime() - dayMs),
  }),
  strange: await stranger.issue({ names: ['d1'] }),
};

let folder: string;
let node: ServiceProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-mtls-'));
  await writeFile(join(folder, 'cert.pem'), certificates.server.cert);
  await writeFile(join(folder, 'key.pem'), certificates.server.key);
  await writeFile(join(folder, 'devices.pem'), authority.ca);
  const words = [
    '--tls-cert',
    'cert.pem',
    '--tls-key',
    'key.pem',
    '--tls-client-ca',
    'devices.pem',
  ];
  node = await startServiceProcess(words, { cwd: folder, env: { API_KEY: adminKey } });
  await ask({}, 'PUT', '/api/v1/models/locked', { auth: 'mtls' });
  await ask({}, 'PUT', '/api/v1/firmware?model=locked&version=2.0.0&rollout=all', image);
});
afterAll(async () => {
  await node?.kill();
  await rm(folder, { recursive: true, force: true });
});

const image = Buffer.from('an image of another kind');
const checkOf = (id: string, model = 'locked'): string =>
  `/api/firmware/check?device_id=${id}&device_model=${model}&current_version=1.0.0`;

/** A request in a handshake of its own. */
async function ask(
  tls: AgentOptions & Partial<Certificate>,
  method: string,
  path: string,
  body?: object | Buffer,
  headers: object = {},
) {
  const agent = new Agent({ ca: authority.ca, maxCachedSessions: 0, ...tls });
  const bytes = body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const type = Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json';
  const sending = request(`${node.url}${path}`, {
    method,
    agent,
    headers: {
      'x-api-key': adminKey,
      ...(body === undefined ? {} : { 'content-type': type }),
      ...headers,
    },
  });
  sending.end(bytes);
  const [answer] = (await once(sending, 'response')) as [IncomingMessage];
  const resumed = (answer.socket as TLSSocket).isSessionReused();
  const given = (await json(answer).catch(() => undefined)) as Record<string, unknown> | undefined;
  agent.destroy();
  return { status: answer.statusCode, body: given, resumed };
}

describe('a model whose devices show certificates', () => {
  it('lets a device in whose certificate bears its name', async () => {
    const { d1 } = certificates;
    const offer = await ask(d1, 'GET', checkOf('d1'));
    expect(offer).toMatchObject({ status: 200, body: { update_available: true } });
    const report = { device_id: 'd1', firmware_version: '2.0.0', status: 'success' };
    expect((await ask(d1, 'POST', '/api/device/d1/update-status', report)).status).toBe(200);
    expect((await ask({}, 'GET', String(offer.body?.download_url))).status).toBe(200);
    const byOther = { device_id: 'd1', device_type: 'locked', current_version: '1.0.0' };
    expect((await ask(d1, 'POST', '/api/ota/check', byOther)).status).toBe(200);
  });

  it.each([
    ['a certificate of another device', certificates.d1, 'd2'],
    ['no certificate', {}, 'd1'],
    ['an expired certificate', certificates.expired, 'd1'],
    ['a certificate of an unknown authority', certificates.strange, 'd1'],
  ])('turns away who shows %s', async (_what, certificate, id) => {
    expect(await ask(certificate, 'GET', checkOf(id))).toMatchObject({
      status: 401,
      body: { code: 'unauthorized' },
    });
    const check = { device_id: id, device_type: 'locked', current_version: '1.0.0' };
    expect((await ask(certificate, 'POST', '/api/ota/check', check)).status).toBe(401);
    const header = { 'x-client-cn': id };
    expect((await ask(certificate, 'GET', checkOf(id), undefined, header)).status).toBe(401);
  });

  it('turns away reports without the certificate', async () => {
    await ask(certificates.d1, 'GET', checkOf('d1'));
    const report = { device_id: 'd1', firmware_version: '2.0.0', status: 'failed' };
    expect((await ask({}, 'POST', '/api/device/d1/update-status', report)).status).toBe(401);
  });

  it('hands out its firmware by signed addresses only', async () => {
    expect((await ask(certificates.d1, 'GET', '/api/firmware/download/2.0.0')).status).toBe(403);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'knows the device again when a session of %s is resumed',
    async (version) => {
      const agent = new Agent({
        ca: authority.ca,
        ...certificates.d1,
        minVersion: version,
        maxVersion: version,
      });
      const turns: [number | undefined, boolean][] = [];
      for (let turn = 0; turn < 3; turn += 1) {
        const sending = request(`${node.url}${checkOf('d1')}`, { agent });
        sending.end();
        const [answer] = (await once(sending, 'response')) as [IncomingMessage];
        turns.push([answer.statusCode, (answer.socket as TLSSocket).isSessionReused()]);
        await json(answer);
      }
      agent.destroy();
      expect(turns[0]).toEqual([200, false]);
      expect(turns.slice(1)).toEqual([
        [200, true],
        [200, true],
      ]);
    },
  );
});

describe('a model whose devices show nothing', () => {
  it('is served on the same port, with and without a certificate', async () => {
    for (const certificate of [{}, certificates.d1, certificates.strange])
      expect((await ask(certificate, 'GET', checkOf('d9', 'open'))).status).toBe(200);
  });
});

describe('ota serve with TLS', () => {
  it.each([
    [['--tls-cert', 'devices.txt', '--tls-key', 'key.pem'], 'tls-file-unreadable'],
    [['--tls-cert', 'nothing.pem', '--tls-key', 'key.pem'], 'tls-file-unreadable'],
    [['--tls-cert', 'cert.pem', '--tls-key', 'other.pem'], 'tls-file-unreadable'],
    [
      ['--tls-cert', 'cert.pem', '--tls-key', 'key.pem', '--tls-client-ca', 'devices.txt'],
      'tls-file-unreadable',
    ],
    [['--tls-client-ca', 'devices.pem'], 'service-config-invalid'],
    [['--trusted-proxy', 'my-proxy'], 'service-config-invalid'],
  ])('says what is wrong with %j', async (words, code) => {
    await writeFile(join(folder, 'devices.txt'), 'no certificate at all');
    await writeFile(join(folder, 'other.pem'), certificates.d1.key);
    const { child, done } = startOta(['serve', '--port', '0', '--data', 'other', ...words], {
      cwd: folder,
      env: {},
    });
    child.stdout?.on('data', () => child.kill()); // it must not start
    const { exitCode, stderr } = await done;
    expect(stderr).toContain(`code: ${code}`);
    expect(exitCode).toBe(2);
  });
});
