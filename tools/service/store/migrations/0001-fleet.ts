import type { Kysely } from 'kysely';
import { addColumns, type Columns } from './columns.ts';

/** The first tables. */
export async function createFleet(db: Kysely<unknown>, kind: 'sqlite' | 'postgres'): Promise<void> {
  const create = (name: string, columns: Columns) =>
    addColumns(db.schema.createTable(name), columns);
  const numbered = (name: string, columns: Columns) =>
    create(name, columns).addColumn('id', kind === 'sqlite' ? 'integer' : 'bigint', (column) =>
      kind === 'sqlite'
        ? column.primaryKey().autoIncrement()
        : column.primaryKey().generatedByDefaultAsIdentity(),
    );
  await create('counters', { value: 'bigint!' })
    .addColumn('name', 'text', (column) => column.primaryKey())
    .execute();
  await create('settings', { value: 'text!' })
    .addColumn('name', 'text', (column) => column.primaryKey())
    .execute();
  await create('models', { auth: 'text!', public_keys: 'text!' })
    .addColumn('model', 'text', (column) => column.primaryKey())
    .execute();
  await create('uploads', uploadColumns)
    .addColumn('path', 'text', (column) => column.primaryKey())
    .execute();
  await create('devices', deviceColumns)
    .addColumn('id', 'text', (column) => column.primaryKey())
    .execute();
  await numbered('keys', keyColumns).execute();
  await numbered('releases', releaseColumns).execute();
  await numbered('rollouts', rolloutColumns).execute();
  await numbered('attempts', attemptColumns).execute();
  await numbered('transitions', transitionColumns).execute();
  await numbered('events', eventColumns).execute();
  await createIndexes(db);
  await (db as Kysely<{ counters: { name: string; value: number } }>)
    .insertInto('counters')
    .values({ name: 'catalog', value: 1 })
    .execute();
}

async function createIndexes(db: Kysely<unknown>): Promise<void> {
  const index = (name: string, table: string, columns: string[], unique = false) => {
    const builder = db.schema.createIndex(name).on(table).columns(columns);
    return (unique ? builder.unique() : builder).execute();
  };
  await index('releases_identity', 'releases', ['model', 'version', 'build'], true);
  await index('rollouts_name', 'rollouts', ['name'], true);
  await index('keys_name', 'keys', ['name'], true);
  await index('devices_model', 'devices', ['model']);
  await index('attempts_device', 'attempts', ['device_id']);
  await index('attempts_release', 'attempts', ['release_id', 'state']);
  await index('attempts_rollout', 'attempts', ['rollout_id', 'state']);
  await index('attempts_deadline', 'attempts', ['deadline_at']);
  await index('attempts_updated', 'attempts', ['updated_at']);
  await index('transitions_attempt', 'transitions', ['attempt_id']);
  await index('transitions_device', 'transitions', ['device_id']);
  await index('events_at', 'events', ['at']);
}

const keyColumns: Columns = {
  name: 'text!',
  role: 'text!',
  hash: 'text!',
  created_at: 'bigint!',
  expires_at: 'bigint',
  revoked_at: 'bigint',
};

const fileColumns: Columns = {
  model: 'text!',
  version: 'text!',
  filename: 'text!',
  size: 'bigint!',
  sha256: 'text!',
  md5: 'text!',
  elf_sha256: 'text',
  chip: 'text',
};

const uploadColumns: Columns = {
  ...fileColumns,
  image_version: 'text',
  image_build: 'integer',
  created_at: 'bigint!',
};

const releaseColumns: Columns = {
  ...fileColumns,
  build: 'integer!',
  binary_path: 'text!',
  min_version: 'text',
  description: 'text',
  release_notes: 'text',
  changelog: 'text',
  stable: 'integer!',
  active: 'integer!',
  signed: 'integer!',
  signature: 'text',
  created_at: 'bigint!',
  updated_at: 'bigint!',
  released_at: 'bigint',
  created_by: 'text!',
};

const rolloutColumns: Columns = {
  name: 'text!',
  release_id: 'bigint!',
  model: 'text!',
  audience: 'text!',
  state: 'text!',
  allow_downgrade: 'integer!',
  deadline_ms: 'bigint!',
  created_at: 'bigint!',
  updated_at: 'bigint!',
  created_by: 'text!',
};

const deviceColumns: Columns = {
  model: 'text!',
  version: 'text!',
  build: 'bigint',
  image_sha256: 'text',
  chip: 'text',
  groups: 'text!',
  labels: 'text!',
  setbacks: 'text!',
  attempt_id: 'bigint',
  last_seen_at: 'bigint!',
  checked_at: 'bigint!',
  created_at: 'bigint!',
};

const attemptColumns: Columns = {
  device_id: 'text!',
  release_id: 'bigint!',
  rollout_id: 'bigint',
  state: 'text!',
  progress: 'integer!',
  bytes: 'bigint!',
  error: 'text',
  from_version: 'text!',
  from_build: 'bigint',
  created_at: 'bigint!',
  started_at: 'bigint',
  downloaded_at: 'bigint',
  installed_at: 'bigint',
  completed_at: 'bigint',
  updated_at: 'bigint!',
  deadline_at: 'bigint',
};

const transitionColumns: Columns = {
  attempt_id: 'bigint!',
  device_id: 'text!',
  at: 'bigint!',
  from_state: 'text',
  to_state: 'text!',
  source: 'text!',
  detail: 'text',
};

const eventColumns: Columns = {
  at: 'bigint!',
  type: 'text!',
  actor: 'text!',
  model: 'text',
  version: 'text',
  rollout: 'text',
  device_id: 'text',
  data: 'text!',
};
