import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../tools/service/store/database.ts';
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts';
import { startService } from '../support/service.ts';

let server: RealPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.remove());

describe('two nodes on one PostgreSQL', () => {
  it('refuse a token or key with the request after the other node revoked it, though no notification comes', async () => {
    const database = await server.makeUrl();
    const [one, two] = [await startService({ database }), await startService({ database })];
    const { db, close } = await openDatabase(database);
    onTestFinished(close);
    await one.call('PUT', '/api/v1/models/esp32', { auth: 'token' });
    const path = '/api/firmware/check?device_id=d1&device_model=esp32&current_version=1.0.0';
    for (let turn = 0; turn < 5; turn += 1) {
      const person = (await one.call('POST', '/api/v1/tokens', { subject: 'jane', kind: 'admin' }))
        .body;
      const device = (await two.call('POST', '/api/v1/tokens', { subject: 'd1', kind: 'device' }))
        .body;
      const name = `key-${turn}`;
      const { key } = (await one.call('POST', '/api/v1/keys', { name, role: 'viewer' })).body;
      const ask = async (bearer: unknown, where: string) =>
        (await two.call('GET', where, undefined, { authorization: `Bearer ${String(bearer)}` }))
          .status;
      const all = async () => [
        await ask(person.token, '/api/admin/devices'),
        await ask(device.token, path),
        await ask(key, '/api/admin/devices'),
      ];
      expect(await all()).toEqual([200, 200, 200]);
      // Nodes listen again after a second.
      await sql`select pg_terminate_backend(pid) from pg_stat_activity
        where query like 'listen %'`.execute(db);
      await one.call('DELETE', `/api/v1/tokens/${String(person.id)}`);
      expect(await ask(person.token, '/api/admin/devices')).toBe(401);
      await one.call('DELETE', '/api/v1/tokens?kind=device&subject=d1');
      expect(await ask(device.token, path)).toBe(401);
      await one.call('DELETE', `/api/v1/keys/${name}`);
      expect(await all()).toEqual([401, 401, 401]);
    }
  });
});
