import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createTokenSigner, type TokenClaims } from '../../tools/service/access/jwt.ts';
import { heldRevocations } from '../../tools/service/store/token-store.ts';
import { startService } from '../support/service.ts';
import { revokeMany } from '../support/store-samples.ts';

type Started = Awaited<ReturnType<typeof startService>>;

const tokenSecret = 'a secret that is long enough';

/** What a service does for the holder of a token, and for those who make and revoke them. */
function handlesOf({ call }: Started) {
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  return {
    make: async (body: object) =>
      (await call('POST', '/api/v1/tokens', body)).body as unknown as { id: string; token: string },
    list: async (query = '') => (await call('GET', `/api/v1/tokens${query}`)).body.tokens,
    revoke: (path: string) => call('DELETE', `/api/v1/tokens${path}`),
    administer: async (token: string) =>
      (await call('GET', '/api/admin/devices', undefined, bearer(token))).status,
    check: async (device: string, token: string) => {
      const path = `/api/firmware/check?device_id=${device}&device_model=esp32&current_version=1`;
      return (await call('GET', path, undefined, bearer(token))).status;
    },
  };
}

describe('tokens', () => {
  it('are listed by what they are for, never with the token', async () => {
    const now = Date.parse('2026-03-01T10:00:00.500Z');
    const service = await startService({ now: () => now });
    const { make, list } = handlesOf(service);
    const jane = await make({ subject: 'jane', kind: 'admin', role: 'publisher', ttl_seconds: 60 });
    await make({ subject: 'd1', kind: 'device' });
    expect(await list('?kind=admin')).toEqual([
      {
        ...{ id: jane.id, kind: 'admin', subject: 'jane', role: 'publisher' },
        created_at: '2026-03-01T10:00:00.000Z',
        expires_at: '2026-03-01T10:01:00.000Z',
        revoked_at: null,
      },
    ]);
    expect(await list()).toHaveLength(2);
    expect(await list('?subject=d1')).toMatchObject([{ kind: 'device', role: null }]);
    expect((await service.call('GET', '/api/v1/tokens?kind=dog')).status).toBe(422);
    const everything = JSON.stringify([
      await list(),
      await service.call('GET', '/api/admin/events'),
    ]);
    expect(everything).not.toContain(String(jane.token).split('.')[2]);
  });

  it('are worth nothing from the request after they were revoked, and the others stay', async () => {
    const service = await startService();
    const { make, list, revoke, administer } = handlesOf(service);
    const order = { subject: 'jane', kind: 'admin', role: 'viewer' };
    const [one, other] = [await make(order), await make(order)];
    expect(await administer(one.token)).toBe(200);
    expect((await revoke(`/${one.id}`)).body).toEqual({ status: 'success' });
    expect(await administer(one.token)).toBe(401);
    expect(await administer(other.token)).toBe(200);
    expect((await revoke(`/${one.id}`)).status).toBe(200);
    expect(await revoke('/none')).toMatchObject({ status: 404, body: { code: 'token-unknown' } });
    expect((await list()) as unknown as object[]).toContainEqual(
      expect.objectContaining({ id: one.id, revoked_at: expect.any(String) }),
    );
    const { body } = await service.call('GET', '/api/admin/events?limit=2');
    expect(body.events).toMatchObject([
      { event_type: 'token_revoked', event_data: { id: one.id, subject: 'jane', kind: 'admin' } },
      { event_type: 'token_revoked', created_by: 'environment' },
    ]);
  });

  it('of a device stop its checks and reports when they are revoked', async () => {
    const service = await startService();
    const { make, revoke, check } = handlesOf(service);
    await service.call('PUT', '/api/v1/models/esp32', { auth: 'token' });
    const { id, token } = await make({ subject: 'd1', kind: 'device' });
    expect(await check('d1', token)).toBe(200);
    await revoke(`/${id}`);
    expect(await check('d1', token)).toBe(401);
    const report = { device_id: 'd1', firmware_version: '2', status: 'failed' };
    const headers = { authorization: `Bearer ${String(token)}` };
    expect(
      (await service.call('POST', '/api/device/d1/update-status', report, headers)).status,
    ).toBe(401);
  });

  it('need an administrator to be seen, made or revoked', async () => {
    const { call, ...service } = await startService();
    const { make } = handlesOf({ call, ...service });
    const { id, token } = await make({ subject: 'jane', kind: 'admin', role: 'publisher' });
    const headers = { authorization: `Bearer ${String(token)}` };
    for (const [method, path] of [
      ['GET', '/api/v1/tokens'],
      ['DELETE', `/api/v1/tokens/${String(id)}`],
      ['DELETE', '/api/v1/tokens?kind=admin&subject=jane'],
    ] as const) {
      expect((await call(method, path, undefined, headers)).status).toBe(403);
      expect((await call(method, path, undefined, {})).status).toBe(401);
    }
  });

  it('are looked up when more of them are revoked than memory holds', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ota-tokens-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await revokeMany(`sqlite:${join(folder, 'ota.db')}`, heldRevocations + 1);
    const { make, revoke, administer } = handlesOf(await startService({ folder }));
    const [one, other] = [
      await make({ subject: 'jane', kind: 'admin' }),
      await make({ subject: 'joe', kind: 'admin' }),
    ];
    await revoke(`/${one.id}`);
    expect([await administer(one.token), await administer(other.token)]).toEqual([401, 200]);
    await revoke('?kind=admin&subject=joe');
    expect(await administer(other.token)).toBe(401);
  });
});

describe('all tokens of a subject', () => {
  const nowS = 1_800_000_000;
  const jane = { kind: 'admin', subject: 'jane', role: 'viewer', expiresAtS: nowS + 60 } as const;

  it('are revoked together, those that were made elsewhere with the same secret included', async () => {
    const now = () => nowS * 1000 + 500;
    const service = await startService({ settings: { tokenSecret }, now });
    const { make, revoke, administer, list } = handlesOf(service);
    const signer = await createTokenSigner(tokenSecret, now);
    const elsewhere = (more: Partial<TokenClaims>) => signer.sign({ ...jane, ...more });
    const older = [
      await elsewhere({}),
      await elsewhere({ issuedAtS: nowS - 1 }),
      await elsewhere({ issuedAtS: nowS }),
      await elsewhere({ issuedAtS: nowS - 1, id: 'of another service' }),
      String((await make({ subject: 'jane', kind: 'admin' })).token),
    ];
    const others = [
      await elsewhere({ issuedAtS: nowS + 1 }),
      await elsewhere({ subject: 'joe', issuedAtS: nowS - 1 }),
    ];
    for (const token of [...older, ...others]) expect(await administer(token)).toBe(200);
    const { body } = await revoke('?kind=admin&subject=jane');
    expect(body).toEqual({ status: 'success', revoked: 1 });
    for (const token of older) expect(await administer(token)).toBe(401);
    for (const token of others) expect(await administer(token)).toBe(200);
    expect(await list()).toMatchObject([{ subject: 'jane', revoked_at: expect.any(String) }]);
    expect(await revoke('?kind=admin&subject=jane')).toMatchObject({ body: { revoked: 0 } });
    expect((await revoke('?subject=jane')).status).toBe(422);
  });

  it('does not reach those that are made afterwards, in the same second or by a clock set back', async () => {
    let nowMs = nowS * 1000;
    const service = await startService({ settings: { tokenSecret }, now: () => nowMs });
    const { make, revoke, administer } = handlesOf(service);
    await revoke('?kind=admin&subject=jane');
    const next = await make({ subject: 'jane', kind: 'admin' });
    expect(await administer(next.token)).toBe(200);
    nowMs -= 3000;
    const later = await make({ subject: 'jane', kind: 'admin' });
    expect(await administer(later.token)).toBe(200);
  });

  it('of a device are not those of a person of the same name', async () => {
    const { make, revoke, administer } = handlesOf(await startService());
    const { token } = await make({ subject: 'jane', kind: 'admin' });
    await revoke('?kind=device&subject=jane');
    expect(await administer(token)).toBe(200);
  });
});
