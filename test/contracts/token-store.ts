import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore, type Store } from '../../tools/service/store/store.ts';
import type { TokenRow } from '../../tools/service/store/tables.ts';
import { heldRevocations } from '../../tools/service/store/token-store.ts';
import { aNote, aTokenRow, revokeMany } from '../support/store-samples.ts';

/** What every store does with tokens. `makeUrl` gives an empty database each time. */
export function tokenStoreContract(name: string, makeUrl: () => Promise<string>): void {
  describe(`tokens in a store on ${name}`, () => {
    let url: string;
    let store: Store;
    beforeEach(async () => {
      url = await makeUrl();
      store = await openStore(url);
    });
    afterEach(() => store.close());

    const add = (...rows: Partial<TokenRow>[]) =>
      Promise.all(rows.map((row) => store.tokens.add(aTokenRow(row), aNote('token_created'))));
    const ids = async (filter: object = {}, nowMs = 10) =>
      (await store.tokens.list({ limit: 9, ...filter }, nowMs)).map(({ id }) => id);
    const held = async () => (await store.catalog.load()).revocations;

    it('are listed newest first until they expire', async () => {
      await add(
        { id: 'a', created_at: 1 },
        { id: 'b', created_at: 3, subject: 'd2' },
        { id: 'c', created_at: 2, kind: 'admin', role: 'viewer', expires_at: 11 },
      );
      expect(await ids()).toEqual(['b', 'c', 'a']);
      expect(await ids({ skip: 1, limit: 1 })).toEqual(['c']);
      expect(await ids({ subject: 'd1' })).toEqual(['c', 'a']);
      expect(await ids({ subject: 'd1', kind: 'device' })).toEqual(['a']);
      expect(await ids({}, 11)).toEqual(['b', 'a']);
      const [first] = await store.tokens.list({ limit: 1 }, 1);
      expect(first).toEqual(aTokenRow({ id: 'b', created_at: 3, subject: 'd2' }));
    });

    it('are revoked by their ids, the first time counts, and every node hears of it', async () => {
      await add({ id: 'a' }, { id: 'b' });
      const before = await store.catalog.state();
      const note = () => aNote('token_revoked');
      expect(await store.tokens.revoke('a', 5, note)).toMatchObject({ id: 'a', revoked_at: 5 });
      expect(await store.tokens.revoke('a', 7, note)).toMatchObject({ revoked_at: 5 });
      expect(await store.tokens.revoke('none', 7, note)).toBeUndefined();
      expect(await store.catalog.state()).toBe(before + 3);
      expect(await held()).toEqual({ ids: ['a'], cutoffs: [], complete: true });
      expect([await store.tokens.isRevoked('a'), await store.tokens.isRevoked('b')]).toEqual([
        true,
        false,
      ]);
      const events = await store.history.events({ limit: 9 });
      expect(events.map(({ type }) => type)).toEqual([
        ...['token_revoked', 'token_revoked', 'token_created', 'token_created'],
      ]);
    });

    it('are revoked all at once for one subject, and a clock that is set back changes nothing', async () => {
      await add(
        ...[{ id: 'a' }, { id: 'b', revoked_at: 2 }, { id: 'c', subject: 'd2' }],
        ...[{ id: 'd', kind: 'admin' as const }],
      );
      const revoke = (nowMs: number) =>
        store.tokens.revokeSubject('device', 'd1', nowMs, (revoked) => aNote(`revoked ${revoked}`));
      expect(await revoke(50)).toBe(1);
      expect(await revoke(40)).toBe(0);
      expect((await held()).cutoffs).toEqual([{ kind: 'device', subject: 'd1', issued_until: 50 }]);
      expect(await store.tokens.cutoff('device', 'd1')).toBe(50);
      expect(await store.tokens.cutoff('admin', 'd1')).toBeUndefined();
      expect([...(await held()).ids].sort()).toEqual(['a', 'b']);
      expect((await store.history.events({ limit: 2 })).map(({ type }) => type)).toEqual([
        ...['revoked 0', 'revoked 1'],
      ]);
      expect(await revoke(60)).toBe(0);
      expect(await store.tokens.cutoff('device', 'd1')).toBe(60);
    });

    it('are forgotten when they have expired, and making one is no change of the catalog', async () => {
      const before = await store.catalog.state();
      await add({ id: 'a', expires_at: 5, revoked_at: 3 }, { id: 'b', expires_at: 6 });
      expect(await store.tokens.sweep(4)).toBe(0);
      expect(await store.tokens.sweep(5)).toBe(1);
      expect(await ids({}, 0)).toEqual(['b']);
      expect((await held()).ids).toEqual([]);
      expect(await store.catalog.state()).toBe(before);
    });

    it('do not fill the memory of a node when very many are revoked', async () => {
      await store.close();
      const count = heldRevocations + 1;
      await revokeMany(url, count);
      store = await openStore(url);
      const { ids: some, complete } = await held();
      expect([some.length, complete]).toEqual([heldRevocations, false]);
      expect(await store.tokens.isRevoked(`t${count - 1}`)).toBe(true);
    });
  });
}
