import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../tools/service/store/database.ts';
import type { EventFilter } from '../../tools/service/store/event-log.ts';
import { openStore, type Store } from '../../tools/service/store/store.ts';
import { aCheck, aReleaseRow, aReport, aRolloutRow, catalogOf } from '../support/store-samples.ts';

/** What every store does. `makeUrl` gives an empty database each time. */
export function storeContract(name: string, makeUrl: () => Promise<string>): void {
  describe(`a store on ${name}`, () => {
    let url: string;
    let store: Store;
    beforeEach(async () => {
      url = await makeUrl();
      store = await openStore(url);
    });
    afterEach(() => store.close());

    async function withRollout() {
      const release = await store.catalog.addRelease(aReleaseRow());
      await store.catalog.addRollout(aRolloutRow(release?.id ?? 0));
      return catalogOf(await store.catalog.load());
    }

    it('opens again with everything that it held', async () => {
      const catalog = await withRollout();
      await store.fleet.change([aCheck('d1', '1.0.0', catalog, 5)]);
      await store.close();
      store = await openStore(url);
      const { records } = await store.fleet.read(['d1', 'nobody']);
      expect([...records.keys()]).toEqual(['d1']);
      expect(records.get('d1')).toMatchObject({
        device: { version: '1.0.0', model: 'esp32', groups: [], setbacks: {} },
        attempt: { state: 'pending', fromVersion: '1.0.0', createdAtMs: 5 },
        checkedAtMs: 5,
      });
    });

    it('brings tables of the first version up to date, with all that they hold', async () => {
      const olderUrl = await makeUrl();
      const older = await openDatabase(olderUrl, '0001-fleet');
      await sql`insert into devices
        (id, model, version, groups, labels, setbacks, last_seen_at, checked_at, created_at)
        values ('d7', 'esp32', '1.0.0', '["a"]', '{"x":"y"}', '{"3":1}', 9, 8, 1),
               ('d8', 'esp32', '1.1.0', '[]', '{}', '{}', 7, 6, 2)`.execute(older.db);
      await older.close();
      const newer = await openStore(olderUrl);
      try {
        const { records } = await newer.fleet.read(['d7', 'd8']);
        expect(records.get('d7')).toMatchObject({
          device: { version: '1.0.0', groups: ['a'], setbacks: { 3: 1 } },
          ...{ lastSeenAtMs: 9, checkedAtMs: 8, createdAtMs: 1 },
        });
        expect(records.get('d8')).toMatchObject({ lastSeenAtMs: 7, checkedAtMs: 6 });
        await newer.fleet.change([aCheck('d9', '1.0.0', catalogOf(await newer.catalog.load()), 9)]);
        expect((await newer.history.devices({ limit: 9 })).map(({ id }) => id)).toEqual([
          ...['d7', 'd9', 'd8'],
        ]);
      } finally {
        await newer.close();
      }
    });

    it('moves the number of the catalog with every change, and no other time', async () => {
      const number = async () => (await store.fleet.read(['d1'])).catalog;
      const before = await number();
      const release = await store.catalog.addRelease(aReleaseRow());
      expect(await number()).toBe(before + 1);
      await store.catalog.addRollout(aRolloutRow(release?.id ?? 0));
      await store.catalog.changeRollout('all', () => ({ state: 'paused' }));
      expect(await number()).toBe(before + 3);
      expect((await store.catalog.load()).state).toBe(before + 3);
      await store.fleet.change([aCheck('d1', '1.0.0', catalogOf(await store.catalog.load()), 1)]);
      expect(await number()).toBe(before + 3);
    });

    it('refuses a second release of the same version and build, for the same model only', async () => {
      expect(await store.catalog.addRelease(aReleaseRow())).toBeDefined();
      expect(await store.catalog.addRelease(aReleaseRow({ sha256: 'cc' }))).toBeUndefined();
      expect(await store.catalog.addRelease(aReleaseRow({ model: 'esp8266' }))).toBeDefined();
      expect(await store.catalog.addRelease(aReleaseRow({ build: 2 }))).toBeDefined();
      expect((await store.catalog.load()).releases[0]?.sha256).toBe('aa'.repeat(32));
    });

    it('keeps every transition of an update, in order', async () => {
      const catalog = await withRollout();
      await store.fleet.change([aCheck('d1', '1.0.0', catalog, 1)]);
      for (const [at, status] of (['downloading', 'installing', 'success'] as const).entries())
        await store.fleet.change([aReport('d1', status, catalog, at + 2)]);
      await store.fleet.change([aCheck('d1', '2.0.0', catalog, 9)]);
      const history = await store.history.transitions('d1', 10);
      expect(history.reverse().map(({ to_state, source, at }) => [to_state, source, at])).toEqual([
        ['pending', 'offer', 1],
        ['downloading', 'report', 2],
        ['installing', 'report', 3],
        ['installed', 'report', 4],
        ['confirmed', 'check', 9],
      ]);
      expect(await store.history.attempts({ deviceId: 'd1', limit: 10 })).toMatchObject([
        { state: 'confirmed', version: '2.0.0', started_at: 2, installed_at: 4, completed_at: 9 },
      ]);
    });

    it('keeps how long a device had been up, and forgets it with a step that does not say', async () => {
      const catalog = await withRollout();
      const uptime = async () =>
        (await store.fleet.read(['d1'])).records.get('d1')?.attempt?.uptimeMs;
      await store.fleet.change([aCheck('d1', '1.0.0', catalog, 1)]);
      await store.fleet.change([aReport('d1', 'downloading', catalog, 2, 123_456_789_012)]);
      expect(await uptime()).toBe(123_456_789_012);
      await store.fleet.change([aReport('d1', 'installing', catalog, 3)]);
      expect(await uptime()).toBeUndefined();
    });

    it('gives a name to one at a time', async () => {
      expect(await store.claims.take('a')).toBe(true);
      expect(await store.claims.take('a')).toBe(false);
      expect(await store.claims.take('b')).toBe(true);
      await store.claims.giveBack('a');
      expect(await store.claims.take('a')).toBe(true);
    });

    it('raises a shared number, and never lowers it', async () => {
      expect(await store.history.raise('n', 0)).toBe(0);
      expect(await store.history.raise('n', 3)).toBe(3);
      expect(await store.history.raise('n', 2)).toBe(3);
    });

    it('tells what became of updates from their transitions, in the words of seed 003', async () => {
      const catalog = await withRollout();
      const change = (decision: Parameters<Store['fleet']['change']>[0][number]) =>
        store.fleet.change([decision]);
      await change(aCheck('d1', '1.0.0', catalog, 1));
      await store.history.addEvent({
        ...{ at: 2, type: 'rollout_updated', actor: 'jane', model: 'esp32', version: null },
        ...{ rollout: 'all', device_id: null, data: '{}' },
      });
      for (const [at, status] of (['downloading', 'downloading', 'success'] as const).entries())
        await change(aReport('d1', status, catalog, at + 3));
      await change(aCheck('d1', '2.0.0', catalog, 7));
      await change(aCheck('d2', '1.0.0', catalog, 8));
      await change(aReport('d2', 'failed', catalog, 9));
      const types = async (filter: Partial<EventFilter> = {}) =>
        (await store.history.events({ limit: 10, ...filter })).map((event) => [
          event.at,
          event.type,
          event.actor,
        ]);
      expect(await types()).toEqual([[2, 'rollout_updated', 'jane']]);
      const all = [
        [9, 'update_failed', 'd2'],
        [5, 'update_completed', 'd1'],
        [3, 'update_started', 'd1'],
        [2, 'rollout_updated', 'jane'],
      ];
      expect(await types({ updates: true })).toEqual(all);
      expect(await types({ updates: true, skip: 1, limit: 2 })).toEqual(all.slice(1, 3));
      expect(await types({ type: 'update_failed' })).toEqual(all.slice(0, 1));
      expect(await types({ type: 'rollout_updated', updates: true })).toEqual(all.slice(3));
      expect(await store.history.events({ type: 'update_completed', limit: 1 })).toMatchObject([
        { id: null, model: 'esp32', version: '2.0.0', rollout: 'all', device_id: 'd1' },
      ]);
    });

    it('gives a second try a row of its own', async () => {
      const catalog = await withRollout();
      await store.fleet.change([aCheck('d1', '1.0.0', catalog, 1)]);
      for (const status of ['failed', 'downloading'] as const)
        await store.fleet.change([aReport('d1', status, catalog, 2)]);
      const attempts = await store.history.attempts({ deviceId: 'd1', limit: 10 });
      expect(attempts.map(({ state }) => state)).toEqual(['downloading', 'failed']);
      const { records } = await store.fleet.read(['d1']);
      expect(records.get('d1')?.attempt?.id).toBe(attempts[0]?.id);
    });

    it('lets a decision fail without harm to the others', async () => {
      const catalog = await withRollout();
      const results = await store.fleet.change([
        aReport('nobody', 'success', catalog, 1),
        aCheck('d1', '1.0.0', catalog, 1),
      ]);
      expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
      expect((await store.fleet.read(['d1'])).records.size).toBe(1);
    });

    it('handles many devices in one go', async () => {
      const catalog = await withRollout();
      const ids = Array.from({ length: 500 }, (_, index) => `d${index}`);
      await store.fleet.change(ids.map((id) => aCheck(id, '1.0.0', catalog, 1)));
      await store.fleet.change(ids.map((id) => aReport(id, 'downloading', catalog, 2)));
      expect(await store.history.countAttempts({})).toEqual([{ name: 'downloading', count: 500 }]);
      expect(await store.history.countDevices('model')).toEqual([{ name: 'esp32', count: 500 }]);
    });

    it('ends attempts after their deadline, once', async () => {
      const catalog = await withRollout();
      for (const id of ['d1', 'd2']) await store.fleet.change([aCheck(id, '1.0.0', catalog, 1)]);
      await store.fleet.change([aReport('d1', 'downloading', catalog, 10)]);
      expect(await store.fleet.expire(1010)).toBe(0);
      expect(await store.fleet.expire(1011)).toBe(1);
      expect(await store.fleet.expire(1012)).toBe(0);
      expect(await store.history.countAttempts({})).toEqual([
        { name: 'pending', count: 1 },
        { name: 'timed_out', count: 1 },
      ]);
    });

    it('lets attempts be that have longer to go than the service has been hearing', async () => {
      const catalog = await withRollout();
      for (const [at, id] of ['d1', 'd2'].entries()) {
        await store.fleet.change([aCheck(id, '1.0.0', catalog, at)]);
        await store.fleet.change([aReport(id, 'downloading', catalog, 10)]);
      }
      expect(await store.fleet.expire(5000, 999.9)).toBe(0);
      expect(await store.fleet.expire(5000, 1000.5)).toBe(2);
    });

    it('takes the time back at which a device was seen when that was far ahead', async () => {
      const catalog = await withRollout();
      const dayMs = 24 * 60 * 60 * 1000;
      await store.fleet.change([aCheck('d1', '1.0.0', catalog, dayMs)]);
      await store.fleet.change([aCheck('d1', '1.1.0', catalog, 5)]);
      const read = async () => (await store.fleet.read(['d1'])).records.get('d1');
      expect(await read()).toMatchObject({ lastSeenAtMs: 5 });
      const number = (await read())?.number ?? 0;
      await store.fleet.noteSightings([{ number, lastSeenAtMs: dayMs, checkedAtMs: dayMs }]);
      await store.fleet.noteSightings([{ number, lastSeenAtMs: 9, checkedAtMs: 9 }]);
      expect((await read())?.lastSeenAtMs).toBe(9);
      expect((await read())?.checkedAtMs).toBeGreaterThanOrEqual(dayMs);
    });

    it('notes when devices were seen, and never goes back in time', async () => {
      const catalog = await withRollout();
      await store.fleet.change([aCheck('d1', '1.0.0', catalog, 5)]);
      const read = async () => (await store.fleet.read(['d1'])).records.get('d1');
      const number = (await read())?.number ?? 0;
      await store.fleet.noteSightings([{ number, lastSeenAtMs: 9, checkedAtMs: 9 }]);
      await store.fleet.noteSightings([
        { number, lastSeenAtMs: 7, checkedAtMs: 7 },
        { number: number + 1, lastSeenAtMs: 7, checkedAtMs: 7 },
      ]);
      await store.fleet.noteSightings([{ number, lastSeenAtMs: 12, checkedAtMs: 0 }]);
      expect(await read()).toMatchObject({ lastSeenAtMs: 12, checkedAtMs: 9 });
      await store.fleet.change([aCheck('d1', '1.1.0', catalog, 10)]);
      expect(await read()).toMatchObject({ lastSeenAtMs: 12, checkedAtMs: 10 });
      expect((await store.history.device('d1'))?.last_seen_at).toBe(12);
    });

    it('keeps groups and labels when the device changes', async () => {
      const catalog = await withRollout();
      await store.fleet.change([aCheck('d1', '1.0.0', catalog, 1)]);
      expect(
        await store.history.describeDevice('d1', { groups: ['a%', 'a%'], labels: { x: 'y' } }),
      ).toBe(true);
      expect(await store.history.describeDevice('nobody', { groups: [] })).toBe(false);
      await store.fleet.change([aCheck('d1', '1.1.0', catalog, 2)]);
      expect((await store.fleet.read(['d1'])).records.get('d1')?.device.groups).toEqual(['a%']);
      expect((await store.history.device('d1'))?.labels).toBe('{"x":"y"}');
      expect(await store.history.devices({ group: 'a%', limit: 9 })).toHaveLength(1);
      for (const other of ['A%', 'ab', '%', 'a', ''])
        expect(await store.history.devices({ group: other, limit: 9 })).toHaveLength(0);
    });

    it('takes names as they are, whatever SQL they look like', async () => {
      const catalog = await withRollout();
      const id = `'; drop table devices; --"\u00e9`;
      await store.fleet.change([aCheck(id, "1'--", catalog, 1)]);
      expect((await store.history.device(id))?.version).toBe("1'--");
    });

    it('agrees with itself on a setting', async () => {
      expect(await store.history.setting('secret', () => 'first')).toBe('first');
      expect(await store.history.setting('secret', () => 'second')).toBe('first');
    });

    it('changes what is given of a model, and leaves the rest', async () => {
      const change = (some: object) => store.catalog.changeModel('esp32', some);
      expect(await change({ auth: 'token' })).toMatchObject({ auth: 'token', public_keys: '[]' });
      await change({ public_keys: '["a key"]' });
      const row = { model: 'esp32', auth: 'hmac', public_keys: '["a key"]' };
      expect(await change({ auth: 'hmac' })).toEqual(row);
      expect((await store.catalog.load()).models).toEqual([row]);
    });

    it('removes a rollout unless what is stored speaks against it', async () => {
      await withRollout();
      const refused = store.catalog.removeRollout('all', ({ state }) => {
        throw new Error(state);
      });
      await expect(refused).rejects.toThrow('running');
      expect((await store.catalog.load()).rollouts).toHaveLength(1);
      const accept = () => undefined;
      expect(await store.catalog.removeRollout('all', accept)).toMatchObject({ name: 'all' });
      expect(await store.catalog.removeRollout('all', accept)).toBeUndefined();
      expect((await store.catalog.load()).rollouts).toEqual([]);
    });

    it('changes a rollout by a decision on what is stored', async () => {
      await withRollout();
      const change = await store.catalog.changeRollout('all', ({ state }) => ({
        state: state === 'running' ? 'paused' : 'cancelled',
      }));
      expect([change?.before.state, change?.after.state]).toEqual(['running', 'paused']);
      expect(
        await store.catalog.changeRollout('none', () => ({ state: 'paused' })),
      ).toBeUndefined();
      const refused = store.catalog.changeRollout('all', () => {
        throw new Error('no');
      });
      await expect(refused).rejects.toThrow('no');
      expect((await store.catalog.load()).rollouts[0]?.state).toBe('paused');
    });
  });
}
