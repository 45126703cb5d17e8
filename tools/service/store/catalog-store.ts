import type { Kysely, Transaction } from 'kysely';
import { changeCatalog, type NoteOf } from './change-catalog.ts';
import type { Database } from './database.ts';
import { newModel } from './rows.ts';
import type {
  EventRow,
  KeyRow,
  ModelRow,
  NewRelease,
  NewRollout,
  ReleaseChange,
  ReleaseRow,
  RolloutChange,
  RolloutRow,
  Tables,
  UploadRow,
} from './tables.ts';
import { loadRevocations, type RevocationRows } from './token-store.ts';

/** Everything that nodes hold in memory, at one moment. */
export interface CatalogRows {
  readonly state: number;
  readonly releases: readonly ReleaseRow[];
  readonly rollouts: readonly RolloutRow[];
  readonly models: readonly ModelRow[];
  readonly keys: readonly KeyRow[];
  readonly revocations: RevocationRows;
}

/** What administrators change: every change moves the catalog's number and is announced to the other nodes. */
export interface CatalogStore {
  load(): Promise<CatalogRows>;
  /** The catalog's number: one indexed read. */
  state(): Promise<number>;
  /** `undefined` when model, version and build are taken. */
  addRelease(release: NewRelease, note?: NoteOf<ReleaseRow>): Promise<ReleaseRow | undefined>;
  changeRelease(
    id: number,
    change: ReleaseChange,
    note?: NoteOf<ReleaseRow>,
  ): Promise<ReleaseRow | undefined>;
  /** `undefined` when the name is taken. */
  addRollout(rollout: NewRollout, note?: NoteOf<RolloutRow>): Promise<RolloutRow | undefined>;
  /** Decides on the stored row while nobody else may change it. */
  changeRollout(
    name: string,
    decide: (row: RolloutRow) => RolloutChange,
    note?: NoteOf<ChangedRollout>,
  ): Promise<ChangedRollout | undefined>;
  /** Removes a rollout unless `require` throws, which sees the stored row while nobody else may change it. */
  removeRollout(
    name: string,
    require: (row: RolloutRow) => void,
    note?: NoteOf<RolloutRow>,
  ): Promise<RolloutRow | undefined>;
  /** Changes what is given of a model's settings; the rest stays. */
  changeModel(
    model: string,
    change: Partial<Omit<ModelRow, 'model'>>,
    note?: NoteOf<ModelRow>,
  ): Promise<ModelRow>;
  /** `undefined` when the name is taken. */
  addKey(key: Omit<KeyRow, 'id'>, note?: NoteOf<KeyRow>): Promise<KeyRow | undefined>;
  revokeKey(name: string, nowMs: number, note?: NoteOf<KeyRow>): Promise<KeyRow | undefined>;
  /** @param note for the audit log; stored with the upload or not at all */
  putUpload(upload: UploadRow, note: Omit<EventRow, 'id'>): Promise<void>;
  findUpload(path: string): Promise<UploadRow | undefined>;
  /** Every content hash that a release or an upload names. */
  usedHashes(): Promise<Set<string>>;
}

export interface ChangedRollout {
  readonly before: RolloutRow;
  readonly after: RolloutRow;
}

export function createCatalogStore(database: Database): CatalogStore {
  const { db } = database;
  const changing = <T>(
    note: NoteOf<NonNullable<T>> | undefined,
    use: (trx: Transaction<Tables>) => Promise<T>,
  ) => changeCatalog(database, note, use);
  return {
    load: () => loadCatalog(db),
    state: () => readState(db),
    addRelease: (release, note) =>
      changing(note, (trx) =>
        trx
          .insertInto('releases')
          .values(release)
          .onConflict((conflict) => conflict.columns(['model', 'version', 'build']).doNothing())
          .returningAll()
          .executeTakeFirst(),
      ),
    changeRelease: (id, change, note) =>
      changing(note, (trx) =>
        trx
          .updateTable('releases')
          .set(change)
          .where('id', '=', id)
          .returningAll()
          .executeTakeFirst(),
      ),
    addRollout: (rollout, note) =>
      changing(note, (trx) =>
        trx
          .insertInto('rollouts')
          .values(rollout)
          .onConflict((conflict) => conflict.column('name').doNothing())
          .returningAll()
          .executeTakeFirst(),
      ),
    changeRollout: (name, decide, note) =>
      changing(note, (trx) => changeRollout(trx, name, decide)),
    removeRollout: (name, require, note) =>
      changing(note, async (trx) => {
        const row = await findRollout(trx, name);
        if (row === undefined) return;
        require(row);
        await trx.deleteFrom('rollouts').where('id', '=', row.id).execute();
        return row;
      }),
    changeModel: (model, change, note) =>
      changing(note, (trx) =>
        trx
          .insertInto('models')
          .values({ model, ...newModel, ...change })
          .onConflict((conflict) => conflict.column('model').doUpdateSet({ model, ...change }))
          .returningAll()
          .executeTakeFirstOrThrow(),
      ),
    addKey: (key, note) =>
      changing(note, (trx) =>
        trx
          .insertInto('keys')
          .values(key)
          .onConflict((conflict) => conflict.column('name').doNothing())
          .returningAll()
          .executeTakeFirst(),
      ),
    revokeKey: (name, nowMs, note) =>
      changing(note, (trx) =>
        trx
          .updateTable('keys')
          .set({ revoked_at: nowMs })
          .where('name', '=', name)
          .returningAll()
          .executeTakeFirst(),
      ),
    ...uploadStore(db),
  };
}

function uploadStore(
  db: Kysely<Tables>,
): Pick<CatalogStore, 'putUpload' | 'findUpload' | 'usedHashes'> {
  return {
    putUpload: (upload, note) =>
      db.transaction().execute(async (trx) => {
        await trx
          .insertInto('uploads')
          .values(upload)
          .onConflict((conflict) => conflict.column('path').doUpdateSet(upload))
          .execute();
        await trx.insertInto('events').values(note).execute();
      }),
    findUpload: (path) =>
      db.selectFrom('uploads').selectAll().where('path', '=', path).executeTakeFirst(),
    async usedHashes() {
      const rows = await db
        .selectFrom('releases')
        .select('sha256')
        .union(db.selectFrom('uploads').select('sha256'))
        .execute();
      return new Set(rows.map(({ sha256 }) => sha256));
    },
  };
}

/** In one transaction, so that number and rows belong together. */
function loadCatalog(db: Kysely<Tables>): Promise<CatalogRows> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      return {
        state: await readState(trx),
        releases: await trx.selectFrom('releases').selectAll().execute(),
        rollouts: await trx.selectFrom('rollouts').selectAll().execute(),
        models: await trx.selectFrom('models').selectAll().execute(),
        keys: await trx.selectFrom('keys').selectAll().execute(),
        revocations: await loadRevocations(trx),
      };
    });
}

async function readState(db: Kysely<Tables>): Promise<number> {
  const counter = await db
    .selectFrom('counters')
    .select('value')
    .where('name', '=', 'catalog')
    .executeTakeFirstOrThrow();
  return counter.value;
}

async function changeRollout(
  trx: Transaction<Tables>,
  name: string,
  decide: (row: RolloutRow) => RolloutChange,
): Promise<ChangedRollout | undefined> {
  const before = await findRollout(trx, name);
  if (before === undefined) return;
  const after = await trx
    .updateTable('rollouts')
    .set(decide(before))
    .where('id', '=', before.id)
    .returningAll()
    .executeTakeFirstOrThrow();
  return { before, after };
}

function findRollout(trx: Transaction<Tables>, name: string): Promise<RolloutRow | undefined> {
  return trx.selectFrom('rollouts').selectAll().where('name', '=', name).executeTakeFirst();
}
