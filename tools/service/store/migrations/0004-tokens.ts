import { type Kysely, sql } from 'kysely';
import { addColumns } from './columns.ts';

/** Tokens that the service made, without the tokens, and until when all tokens of a subject are revoked. */
export async function listTokens(db: Kysely<unknown>): Promise<void> {
  await addColumns(db.schema.createTable('tokens'), {
    kind: 'text!',
    subject: 'text!',
    role: 'text',
    created_at: 'bigint!',
    expires_at: 'bigint!',
    revoked_at: 'bigint',
  })
    .addColumn('id', 'text', (column) => column.primaryKey())
    .execute();
  await addColumns(db.schema.createTable('token_cutoffs'), {
    kind: 'text!',
    subject: 'text!',
    issued_until: 'bigint!',
  })
    .addPrimaryKeyConstraint('token_cutoffs_subject', ['subject', 'kind'] as never)
    .execute();
  const index = (name: string, columns: string[]) =>
    db.schema.createIndex(name).on('tokens').columns(columns).execute();
  await index('tokens_subject', ['subject', 'kind']);
  await index('tokens_created', ['created_at']);
  await index('tokens_expiry', ['expires_at']);
  // Of a million tokens few are revoked, and these are read whenever the catalog changes.
  await sql`create index tokens_revoked on tokens (revoked_at) where revoked_at is not null`.execute(
    db,
  );
}
