import type { CreateTableBuilder } from 'kysely';

/** Names and types; `!` means NOT NULL. */
export type Columns = Readonly<
  Record<string, 'text' | 'integer' | 'bigint' | 'text!' | 'integer!' | 'bigint!'>
>;

/** The table with these columns added. */
export function addColumns(
  table: CreateTableBuilder<string, never>,
  columns: Columns,
): CreateTableBuilder<string, string> {
  let builder = table as CreateTableBuilder<string, string>;
  for (const [name, type] of Object.entries(columns)) {
    const required = type.endsWith('!');
    builder = builder.addColumn(
      name,
      (required ? type.slice(0, -1) : type) as 'text' | 'integer' | 'bigint',
      (column) => (required ? column.notNull() : column),
    );
  }
  return builder;
}
