import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

    it('notes when devices were seen, and never goes back in time', async () => {
      const catalog = await withRollout();
      await store.fleet.change([aCheck('d1', '1.0.0', catalog, 5)]);
      await store.fleet.touch([{ deviceId: 'd1', atMs: 9 }]);
      await store.fleet.touch([
        { deviceId: 'd1', atMs: 7 },
        { deviceId: 'nobody', atMs: 7 },
      ]);
      expect((await store.fleet.read(['d1'])).records.get('d1')?.checkedAtMs).toBe(9);
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
      expect(await store.history.devices({ group: 'ab', limit: 9 })).toHaveLength(0);
      expect(await store.history.devices({ group: '%', limit: 9 })).toHaveLength(0);
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
