import { OtaError } from '../core/errors.ts';
import { parseAudience } from '../core/fleet/audience-text.ts';
import { targetTypes, toTarget } from '../core/fleet/rollout-target.ts';

/** What the command line gives to an act: flags by name, `undefined` where not given. */
export type AdminArgs = Readonly<Record<string, unknown>>;

/** One act of an administrator, as a request to the service. */
export interface AdminAct {
  /** The words after `ota admin`. */
  readonly words: string;
  readonly needs: readonly string[];
  /** At least one of these, besides. */
  readonly needsOneOf?: readonly string[];
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path(args: AdminArgs): string;
  /** The body; an entry that is `undefined` is left out, so that nothing is changed that was not given. */
  body?(args: AdminArgs): Record<string, unknown>;
  /** A form with the file of `--file` and the body's entries as fields. */
  readonly form?: true;
  /** Where the rows for a table stand in the answer. */
  readonly rows?: string;
  readonly columns?: readonly string[];
}

const enc = (value: unknown): string => encodeURIComponent(String(value));

function query(values: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(values).filter(([, value]) => value !== undefined);
  return pairs.length === 0
    ? ''
    : `?${pairs.map(([key, value]) => `${key}=${enc(value)}`).join('&')}`;
}

const rollout = (args: AdminArgs): string => `/api/admin/rollout/${enc(args.name)}`;
const device = (args: AdminArgs): string => `/api/admin/devices/${enc(args.device)}`;
const model = (args: AdminArgs): string => `/api/v1/models/${enc(args['device-type'])}`;
const release = (args: AdminArgs): string => `/api/ota/admin/firmware/${enc(args.id)}`;

function settings(args: AdminArgs): Record<string, unknown> {
  return {
    ...target(args),
    allow_downgrade: args.downgrade,
    deadline_seconds: args.deadline,
  };
}

/** `--target` takes the whole audience (`canary:10`), or a type of seed 003 with flags of its own beside it. */
function target({ target: words, percentage, group, device: id }: AdminArgs) {
  if (words !== undefined && !(targetTypes as readonly unknown[]).includes(words)) {
    const audience = parseAudience(String(words));
    if (percentage === undefined && group === undefined && id === undefined)
      return toTarget(audience);
    throw new OtaError('usage', `--target ${words} says it all`, {
      hint: 'Leave --percentage, --group and --device out.',
    });
  }
  const filter =
    group !== undefined
      ? { groups: group }
      : id !== undefined
        ? { device_ids: [id].flat() }
        : undefined;
  return { target_type: words, target_filter: filter, rollout_percentage: percentage };
}

/** All acts; longer words stand before shorter ones that they begin with. */
export const adminActs: readonly AdminAct[] = [
  {
    words: 'upload',
    needs: ['file', 'device-type', 'version'],
    method: 'POST',
    form: true,
    path: () => '/api/ota/admin/upload',
    body: (args) => ({
      device_type: args['device-type'],
      version: args.version,
      build_number: args.build,
      register: args.register === true ? true : undefined,
      is_stable: args.stable,
      description: args.description,
      release_notes: args['release-notes'],
      min_current_version: args['min-version'],
      signature: args.signature,
    }),
  },
  {
    words: 'register',
    needs: ['device-type', 'version', 'build', 'file-size', 'file-hash', 'binary-path'],
    method: 'POST',
    path: () => '/api/ota/admin/firmware',
    body: (args) => ({
      device_type: args['device-type'],
      version: args.version,
      build_number: args.build,
      // The seed's example leaves the name out: the path ends with one.
      filename: args.filename ?? String(args['binary-path']).split('/').at(-1),
      file_size: args['file-size'],
      file_hash: args['file-hash'],
      binary_path: args['binary-path'],
      description: args.description,
      release_notes: args['release-notes'],
      is_stable: args.stable,
      min_current_version: args['min-version'],
      signature: args.signature,
    }),
  },
  {
    words: 'list',
    needs: [],
    method: 'GET',
    path: (args) =>
      `/api/ota/admin/firmware${query({ device_type: args['device-type'], skip: args.skip, limit: args.limit })}`,
    rows: '',
    columns: [
      'id',
      'device_type',
      'version',
      'build_number',
      'is_stable',
      'is_active',
      'file_size',
      'created_at',
    ],
  },
  { words: 'get', needs: ['id'], method: 'GET', path: release },
  {
    words: 'update',
    needs: ['id'],
    method: 'PATCH',
    path: release,
    body: (args) => ({
      description: args.description,
      release_notes: args['release-notes'],
      is_stable: args.stable,
      is_active: args.active,
      min_current_version: args['min-version'],
    }),
  },
  { words: 'deactivate', needs: ['id'], method: 'DELETE', path: release },
  {
    words: 'logs',
    needs: [],
    method: 'GET',
    path: (args) =>
      `/api/ota/admin/logs${query({ device_id: args['device-id'], firmware_id: args['firmware-id'], status: args.status, skip: args.skip, limit: args.limit })}`,
    rows: '',
    columns: [
      'id',
      'device_id',
      'version',
      'state',
      'bytes_downloaded',
      'error_message',
      'updated_at',
    ],
  },
  {
    words: 'rollout create',
    needs: ['name', 'version', 'device-type'],
    method: 'POST',
    path: () => '/api/admin/rollout/create',
    body: (args) => ({
      ...settings({ ...args, target: args.target ?? 'all' }),
      name: args.name,
      firmware_version: args.version,
      device_model: args['device-type'],
      build_number: args.build,
      is_active: args.draft === true ? false : undefined,
    }),
  },
  {
    words: 'rollout list',
    needs: [],
    method: 'GET',
    path: () => '/api/admin/rollouts',
    rows: 'rollouts',
    columns: [
      'name',
      'device_model',
      'firmware_version',
      'target_type',
      'rollout_percentage',
      'state',
    ],
  },
  { words: 'rollout show', needs: ['name'], method: 'GET', path: rollout },
  { words: 'rollout set', needs: ['name'], method: 'PATCH', path: rollout, body: settings },
  ...(['pause', 'resume', 'finish', 'cancel'] as const).map(
    (act): AdminAct => ({
      words: `rollout ${act}`,
      needs: ['name'],
      method: 'POST',
      path: (args) => `${rollout(args)}/${act}`,
    }),
  ),
  { words: 'rollout delete', needs: ['name'], method: 'DELETE', path: rollout },
  {
    words: 'devices list',
    needs: [],
    method: 'GET',
    path: (args) =>
      `/api/admin/devices${query({ device_model: args['device-type'], group: [args.group].flat()[0], skip: args.skip, limit: args.limit })}`,
    rows: 'devices',
    columns: ['device_id', 'device_model', 'current_firmware_version', 'groups', 'last_seen'],
  },
  { words: 'devices show', needs: ['device'], method: 'GET', path: device },
  {
    words: 'devices groups',
    needs: ['device', 'group'],
    method: 'PATCH',
    path: device,
    body: (args) => ({ groups: [args.group].flat().filter((group) => group !== '') }),
  },
  {
    words: 'devices retry',
    needs: ['device'],
    method: 'PATCH',
    path: device,
    body: () => ({ reset_setbacks: true }),
  },
  {
    words: 'devices key',
    needs: ['device'],
    method: 'GET',
    path: (args) => `/api/v1/devices/${enc(args.device)}/key`,
  },
  {
    words: 'models list',
    needs: [],
    method: 'GET',
    path: () => '/api/v1/models',
    rows: 'models',
    columns: ['model', 'auth', 'key_ids'],
  },
  { words: 'models show', needs: ['device-type'], method: 'GET', path: model },
  {
    words: 'models set',
    needs: ['device-type'],
    needsOneOf: ['auth', 'public-key', 'unsigned'],
    method: 'PUT',
    path: model,
    body: (args) => ({
      auth: args.auth,
      public_keys: args.unsigned === true ? [] : args['public-key'],
    }),
  },
  {
    words: 'keys create',
    needs: ['name', 'role'],
    method: 'POST',
    path: () => '/api/v1/keys',
    body: (args) => ({ name: args.name, role: args.role, ttl_seconds: args.ttl }),
  },
  {
    words: 'keys list',
    needs: [],
    method: 'GET',
    path: () => '/api/v1/keys',
    rows: 'keys',
    columns: ['name', 'role', 'created_at', 'expires_at', 'revoked_at'],
  },
  {
    words: 'keys revoke',
    needs: ['name'],
    method: 'DELETE',
    path: (args) => `/api/v1/keys/${enc(args.name)}`,
  },
  {
    words: 'tokens create',
    needs: ['name'],
    method: 'POST',
    path: () => '/api/v1/tokens',
    body: (args) => ({
      subject: args.name,
      kind: args.role === undefined ? 'device' : 'admin',
      role: args.role,
      ttl_seconds: args.ttl,
    }),
  },
  {
    words: 'audit',
    needs: [],
    method: 'GET',
    path: (args) =>
      `/api/admin/events${query({ type: args.type, updates: args.updates, skip: args.skip, limit: args.limit })}`,
    rows: 'events',
    columns: [
      'at',
      'event_type',
      'created_by',
      'device_model',
      'firmware_version',
      'rollout',
      'device_id',
      'event_data',
    ],
  },
];
