import type { Kysely, Transaction } from 'kysely';
import { changeCatalog, type NoteOf } from './change-catalog.ts';
import type { Database } from './database.ts';
import type { EventRow, Tables, TokenCutoffRow, TokenKind, TokenRow } from './tables.ts';

/** What makes tokens worthless before they expire. */
export interface RevocationRows {
  readonly ids: readonly string[];
  readonly cutoffs: readonly TokenCutoffRow[];
  /** False when there are more than a node holds in memory: the others are looked up. */
  readonly complete: boolean;
}

export interface TokenFilter {
  readonly kind?: TokenKind | undefined;
  readonly subject?: string | undefined;
  readonly skip?: number;
  readonly limit: number;
}

/** Tokens that the service made. Revoking is a change of the catalog; making one is none. */
export interface TokenStore {
  add(token: TokenRow, note: Omit<EventRow, 'id'>): Promise<void>;
  /** Those that have not expired, newest first. */
  list(filter: TokenFilter, nowMs: number): Promise<TokenRow[]>;
  /** `undefined` when there is none; the time of the first revocation stays. */
  revoke(id: string, nowMs: number, note?: NoteOf<TokenRow>): Promise<TokenRow | undefined>;
  /** Revokes what was issued to a subject until now, listed or not; says how many of the listed ones. */
  revokeSubject(
    kind: TokenKind,
    subject: string,
    nowMs: number,
    note?: NoteOf<number>,
  ): Promise<number>;
  isRevoked(id: string): Promise<boolean>;
  /** Until when tokens of a subject are revoked, in milliseconds. */
  cutoff(kind: TokenKind, subject: string): Promise<number | undefined>;
  /** Forgets tokens that expired before then: as many as do not hold up others. Says how many. */
  sweep(beforeMs: number): Promise<number>;
}

/** More than this many revocations of either sort are not held in memory. */
export const heldRevocations = 10_000;
const sweepBatch = 1000;

export function createTokenStore(database: Database): TokenStore {
  const { db } = database;
  return {
    add: (token, note) =>
      db.transaction().execute(async (trx) => {
        await trx.insertInto('tokens').values(token).execute();
        await trx.insertInto('events').values(note).execute();
      }),
    list({ kind, subject, skip = 0, limit }, nowMs) {
      let query = db
        .selectFrom('tokens')
        .selectAll()
        .where('expires_at', '>', nowMs)
        .orderBy('created_at', 'desc')
        .orderBy('id')
        .offset(skip)
        .limit(limit);
      if (kind !== undefined) query = query.where('kind', '=', kind);
      if (subject !== undefined) query = query.where('subject', '=', subject);
      return query.execute();
    },
    ...revoking(database),
    async isRevoked(id) {
      const row = await db
        .selectFrom('tokens')
        .select('revoked_at')
        .where('id', '=', id)
        .executeTakeFirst();
      return typeof row?.revoked_at === 'number';
    },
    async cutoff(kind, subject) {
      const row = await db
        .selectFrom('token_cutoffs')
        .select('issued_until')
        .where('subject', '=', subject)
        .where('kind', '=', kind)
        .executeTakeFirst();
      return row?.issued_until;
    },
    async sweep(beforeMs) {
      const { numDeletedRows } = await db
        .deleteFrom('tokens')
        .where('id', 'in', (eb) =>
          eb
            .selectFrom('tokens')
            .select('id')
            .where('expires_at', '<=', beforeMs)
            .orderBy('expires_at')
            .limit(sweepBatch),
        )
        .executeTakeFirst();
      return Number(numDeletedRows);
    },
  };
}

function revoking(database: Database): Pick<TokenStore, 'revoke' | 'revokeSubject'> {
  return {
    revoke: (id, nowMs, note) =>
      changeCatalog(database, note, (trx) =>
        trx
          .updateTable('tokens')
          .set((eb) => ({ revoked_at: eb.fn.coalesce('revoked_at', eb.val(nowMs)) }))
          .where('id', '=', id)
          .returningAll()
          .executeTakeFirst(),
      ),
    revokeSubject: (kind, subject, nowMs, note) =>
      changeCatalog(database, note, async (trx) => {
        await moveCutoff(trx, { kind, subject, issued_until: nowMs });
        const { numUpdatedRows } = await trx
          .updateTable('tokens')
          .set({ revoked_at: nowMs })
          .where('subject', '=', subject)
          .where('kind', '=', kind)
          .where('revoked_at', 'is', null)
          .where('expires_at', '>', nowMs)
          .executeTakeFirst();
        return Number(numUpdatedRows);
      }),
  };
}

/** A clock that was set back does not make tokens good again. */
async function moveCutoff(trx: Transaction<Tables>, cutoff: TokenCutoffRow): Promise<void> {
  await trx
    .insertInto('token_cutoffs')
    .values(cutoff)
    .onConflict((conflict) =>
      conflict
        .columns(['subject', 'kind'])
        .doUpdateSet({ issued_until: cutoff.issued_until })
        .where('token_cutoffs.issued_until', '<', cutoff.issued_until),
    )
    .execute();
}

/** What a node holds in memory of revoked tokens. */
export async function loadRevocations(db: Kysely<Tables>): Promise<RevocationRows> {
  const tokens = await db
    .selectFrom('tokens')
    .select('id')
    .where('revoked_at', 'is not', null)
    .limit(heldRevocations + 1)
    .execute();
  const cutoffs = await db
    .selectFrom('token_cutoffs')
    .selectAll()
    .limit(heldRevocations + 1)
    .execute();
  return {
    ids: tokens.slice(0, heldRevocations).map(({ id }) => id),
    cutoffs: cutoffs.slice(0, heldRevocations),
    complete: tokens.length <= heldRevocations && cutoffs.length <= heldRevocations,
  };
}
