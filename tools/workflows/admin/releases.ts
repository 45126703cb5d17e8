import { OtaError } from '../../core/errors.ts';
import { type AdminAct, type AdminArgs, paging, query, segment } from './act.ts';

/** @throws OtaError `usage`: ids of tokens are no numbers, those of releases are */
function release({ id }: AdminArgs): string {
  if (/^\d+$/.test(String(id))) return `/api/ota/admin/firmware/${segment(id)}`;
  throw new OtaError('usage', '--id takes a number', { hint: 'ota admin list shows it.' });
}

/** What a publisher says of a release. */
const facts = ['stable', 'description', 'release-notes', 'min-version'] as const;

function factsOf(args: AdminArgs): Record<string, unknown> {
  return {
    is_stable: args.stable,
    description: args.description,
    release_notes: args['release-notes'],
    min_current_version: args['min-version'],
  };
}

/** Releases, with the commands and options of seed 004. */
export const releaseActs: readonly AdminAct[] = [
  {
    words: 'upload',
    needs: ['file', 'device-type', 'version'],
    takes: ['build', 'register', 'signature', ...facts],
    method: 'POST',
    form: true,
    path: () => '/api/ota/admin/upload',
    body: (args) => ({
      ...factsOf(args),
      device_type: args['device-type'],
      version: args.version,
      build_number: args.build,
      register: args.register === true ? true : undefined,
      signature: args.signature,
    }),
  },
  {
    words: 'register',
    needs: ['device-type', 'version', 'build', 'file-size', 'file-hash', 'binary-path'],
    takes: ['filename', 'signature', ...facts],
    method: 'POST',
    path: () => '/api/ota/admin/firmware',
    body: (args) => ({
      ...factsOf(args),
      device_type: args['device-type'],
      version: args.version,
      build_number: args.build,
      // The seed's example leaves the name out: the path ends with one.
      filename: args.filename ?? String(args['binary-path']).split('/').at(-1),
      file_size: args['file-size'],
      file_hash: args['file-hash'],
      binary_path: args['binary-path'],
      signature: args.signature,
    }),
  },
  {
    words: 'list',
    needs: [],
    takes: ['device-type', ...paging],
    method: 'GET',
    path: ({ 'device-type': device_type, skip, limit }) =>
      `/api/ota/admin/firmware${query({ device_type, skip, limit })}`,
    columns: [
      ...['id', 'device_type', 'version', 'build_number', 'is_stable', 'is_active', 'file_size'],
      'created_at',
    ],
  },
  { words: 'get', needs: ['id'], method: 'GET', path: release },
  {
    words: 'update',
    needs: ['id'],
    needsOneOf: ['active', ...facts],
    method: 'PATCH',
    path: release,
    body: (args) => ({ ...factsOf(args), is_active: args.active }),
  },
  { words: 'deactivate', needs: ['id'], method: 'DELETE', path: release },
  {
    words: 'logs',
    needs: [],
    takes: ['device-id', 'firmware-id', 'status', ...paging],
    method: 'GET',
    path: ({ 'device-id': device_id, 'firmware-id': firmware_id, status, skip, limit }) =>
      `/api/ota/admin/logs${query({ device_id, firmware_id, status, skip, limit })}`,
    columns: [
      ...['id', 'device_id', 'version', 'state', 'bytes_downloaded', 'error_message', 'updated_at'],
    ],
  },
];
