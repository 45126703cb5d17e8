import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createTokenSigner } from '../../tools/service/access/jwt.ts';
import {
  type ApiDocument,
  type ApiRequest,
  soundRequests,
  urlOf,
} from '../support/api-requests.ts';
import { adminKey, startService } from '../support/service.ts';

const secret = 'a secret that is long enough';
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const claims = { sub: 'x', role: 'admin', iss: 'esp-ota-toolkit', aud: 'admin', exp: 9e9 };

const inAMinute = () => Math.floor(Date.now() / 1000) + 60;

/** Everything that looks like a credential and is none. */
async function worthless(): Promise<Record<string, Record<string, string>>> {
  const good = await createTokenSigner(secret, Date.now);
  const foreign = await createTokenSigner('another secret, also long', Date.now);
  const x = { kind: 'admin', subject: 'x', role: 'admin', expiresAtS: inAMinute() } as const;
  const valid = await good.sign(x);
  const [head, body, signature] = valid.split('.');
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  return {
    nothing: {},
    'an empty key': { 'x-api-key': '' },
    'another key': { 'x-api-key': `${adminKey}x` },
    'the beginning of a key': { 'x-api-key': adminKey.slice(0, -1) },
    'a key as Basic': { authorization: `Basic ${btoa(`admin:${adminKey}`)}` },
    'an empty bearer': { authorization: 'Bearer ' },
    'a token without signature': bearer(`${part({ alg: 'none' })}.${part(claims)}.`),
    'a token signed with none': bearer(`${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.x`),
    'a token that says NONE': bearer(`${part({ alg: 'NONE' })}.${part(claims)}.${signature}`),
    'a token of another algorithm': bearer(`${part({ alg: 'RS256' })}.${body}.${signature}`),
    'a token with changed claims': bearer(`${head}.${part(claims)}.${signature}`),
    'a token of somebody else': bearer(await foreign.sign(x)),
    'an expired token': bearer(await good.sign({ ...x, expiresAtS: 61 })),
    "a device's token": bearer(await good.sign({ ...x, kind: 'device' })),
    'half a token': bearer(`${head}.${body}.`),
  };
}

async function start() {
  const service = await startService({ settings: { tokenSecret: secret, addressRateLimit: 0 } });
  const document = (await service.call('GET', '/openapi.json')).body as unknown as ApiDocument;
  async function ask(request: ApiRequest, headers: Record<string, string>) {
    const { statusCode, body } = await service.app.inject({
      method: request.method,
      url: urlOf(request),
      headers: {
        ...headers,
        ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    });
    return { status: statusCode, body };
  }
  return { service, ask, requests: soundRequests(document) };
}

const nameOf = ({ method, route }: ApiRequest): string => `${method} ${route}`;

/** What only an administrator may do. */
const forAdmins = [
  'POST /api/v1/keys',
  'GET /api/v1/keys',
  'DELETE /api/v1/keys/{name}',
  'POST /api/v1/tokens',
  'GET /api/v1/tokens',
  'DELETE /api/v1/tokens',
  'DELETE /api/v1/tokens/{id}',
  'GET /api/v1/devices/{device_id}/key',
  'PUT /api/v1/models/{model}',
  'GET /api/admin/events',
];

/** What needs no key: what devices ask, and what says how the service is. */
const forAnybody = [
  'GET /api/firmware/check',
  'POST /api/device/{device_id}/update-status',
  'GET /api/firmware/download/{version}',
  'GET /health',
  'GET /ready',
  'GET /metrics',
  ...['/api/ota', '/ota'].flatMap((prefix) => [
    `POST ${prefix}/check`,
    `GET ${prefix}/download/{id}`,
    `POST ${prefix}/status`,
  ]),
];

describe('every operation', () => {
  it('that needs a key says so in the description, and no other does', async () => {
    const { requests } = await start();
    const open = requests.filter(({ needsKey }) => !needsKey).map(nameOf);
    expect(open.sort()).toEqual([...forAnybody].sort());
  });

  it('that needs a key is refused to everything that is none', async () => {
    const { ask, requests } = await start();
    const entered: string[] = [];
    for (const [name, headers] of Object.entries(await worthless()))
      for (const request of requests.filter(({ needsKey }) => needsKey)) {
        const { status, body } = await ask(request, headers);
        if (status !== 401 || !body.includes('"code":"unauthorized"'))
          entered.push(`${nameOf(request)} with ${name}: ${status}`);
      }
    expect(entered).toEqual([]);
  });

  it.each(['viewer', 'publisher'] as const)(
    'is refused to a %s as far as the role does not go',
    async (role) => {
      const { ask, requests } = await start();
      const signer = await createTokenSigner(secret, Date.now);
      const x = { kind: 'admin', subject: 'x', role, expiresAtS: inAMinute() } as const;
      const token = await signer.sign(x);
      const wrong: string[] = [];
      for (const request of requests.filter(({ needsKey }) => needsKey)) {
        const name = nameOf(request);
        const { status } = await ask(request, { authorization: `Bearer ${token}` });
        const beyond = forAdmins.includes(name) || (role === 'viewer' && request.method !== 'GET');
        if (status === 401 || beyond !== (status === 403)) wrong.push(`${name}: ${status}`);
      }
      expect(wrong).toEqual([]);
    },
  );

  it('that takes a body reads none that is announced to be endless, whoever sends it', async () => {
    const { service, requests } = await start();
    const { port } = new URL(service.url);
    const statuses: Record<string, string[]> = {};
    for (const request of requests.filter(({ method }) => method !== 'GET'))
      for (const type of ['application/json', 'text/plain']) {
        const socket = connect(Number(port), '127.0.0.1');
        socket.write(
          `${request.method} ${urlOf(request)} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\n` +
            'Content-Length: 10000000000\r\n\r\n{"a":"',
        );
        const [answer] = (await once(socket, 'data')) as [Buffer];
        socket.destroy();
        const status = String(answer).slice(9, 12);
        statuses[status] = [...(statuses[status] ?? []), `${nameOf(request)} ${type}`];
      }
    expect(Object.keys(statuses)).toEqual(['413']);
  });
});

describe('an upload', () => {
  it('is refused before its body has arrived when the key is wrong', async () => {
    const { service } = await start();
    const { port } = new URL(service.url);
    for (const [method, path, type] of [
      ['PUT', '/api/v1/firmware?model=esp32&version=1.0.0', 'application/octet-stream'],
      [
        'POST',
        '/api/admin/firmware/upload?version=1&device_model=x',
        'multipart/form-data; boundary=b',
      ],
      ['POST', '/api/ota/admin/upload', 'multipart/form-data; boundary=b'],
    ]) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.write(
        `${method} ${path} HTTP/1.1\r\nHost: x\r\nX-API-Key: wrong\r\nContent-Type: ${type}\r\n` +
          'Content-Length: 10000000000\r\n\r\n--b\r\n',
      );
      const [answer] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();
      expect(String(answer)).toMatch(/^HTTP\/1\.1 401 /);
    }
  });
});
