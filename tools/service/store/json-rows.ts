import { type RawBuilder, sql } from 'kysely';
import type { Database } from './database.ts';

/** Columns with their types in PostgreSQL; SQLite takes the types of the JSON values. */
export type JsonColumns = Readonly<Record<string, 'text' | 'integer' | 'bigint'>>;

/**
 * Rows as a source for INSERT and UPDATE, in one parameter: the statement is the same for any number of rows, so it
 * is prepared once, and nothing has to be built value by value.
 */
export function jsonRows(
  kind: Database['kind'],
  columns: JsonColumns,
  rows: readonly Readonly<Record<string, unknown>>[],
): RawBuilder<unknown> {
  const names = Object.keys(columns);
  if (kind === 'sqlite') {
    // Lists: without the names there is half as much to parse.
    const lists = JSON.stringify(rows.map((row) => names.map((name) => row[name])));
    const values = names.map((name, index) => sql`value ->> ${sql.lit(index)} as ${sql.ref(name)}`);
    return sql`(select ${sql.join(values)} from json_each(${lists}))`;
  }
  const text = JSON.stringify(rows);
  const typed = names.map((name) => sql`${sql.ref(name)} ${sql.raw(columns[name] ?? 'text')}`);
  return sql`(select * from json_to_recordset(cast(${text} as json)) as given(${sql.join(typed)}))`;
}

/** `a, b, c` */
export function columnList(columns: JsonColumns): RawBuilder<unknown> {
  return sql.join(Object.keys(columns).map((name) => sql.ref(name)));
}

/** `a = source.a, b = source.b` for an update. */
export function assignments(names: readonly string[], source: string): RawBuilder<unknown> {
  return sql.join(names.map((name) => sql`${sql.ref(name)} = ${sql.ref(`${source}.${name}`)}`));
}
