import { OtaError } from '../../core/errors.ts';
import { type AdminAct, type AdminArgs, paging, query, segment } from './act.ts';

/** Who may administer, and who did what. */
export const accessActs: readonly AdminAct[] = [
  {
    words: 'keys create',
    needs: ['name', 'role'],
    takes: ['ttl'],
    method: 'POST',
    path: () => '/api/v1/keys',
    body: (args) => ({ name: args.name, role: args.role, ttl_seconds: args.ttl }),
  },
  {
    words: 'keys list',
    needs: [],
    method: 'GET',
    path: () => '/api/v1/keys',
    place: 'keys',
    columns: ['name', 'role', 'created_at', 'expires_at', 'revoked_at'],
  },
  {
    words: 'keys revoke',
    needs: ['name'],
    method: 'DELETE',
    path: (args) => `/api/v1/keys/${segment(args.name)}`,
  },
  {
    words: 'tokens create',
    needs: ['name'],
    takes: ['role', 'ttl'],
    method: 'POST',
    path: () => '/api/v1/tokens',
    // With a role for a person, without one for a device.
    body: (args) => ({
      subject: args.name,
      kind: args.role === undefined ? 'device' : 'admin',
      role: args.role,
      ttl_seconds: args.ttl,
    }),
  },
  {
    words: 'tokens list',
    needs: [],
    takes: ['kind', 'subject', ...paging],
    method: 'GET',
    path: ({ kind, subject, skip, limit }) =>
      `/api/v1/tokens${query({ kind, subject, skip, limit })}`,
    place: 'tokens',
    columns: ['id', 'kind', 'subject', 'role', 'created_at', 'expires_at', 'revoked_at'],
  },
  {
    words: 'tokens revoke',
    needs: [],
    needsOneOf: ['id', 'subject'],
    takes: ['kind'],
    method: 'DELETE',
    path: revocation,
  },
  {
    words: 'audit',
    needs: [],
    takes: ['type', 'updates', ...paging],
    method: 'GET',
    path: ({ type, updates, skip, limit }) =>
      `/api/admin/events${query({ type, updates, skip, limit })}`,
    place: 'events',
    columns: [
      ...['at', 'event_type', 'created_by', 'device_model', 'firmware_version', 'rollout'],
      ...['device_id', 'event_data'],
    ],
  },
];

/** One token by its id, or all of a subject: a device and a person may have the same name. */
function revocation({ id, subject, kind }: AdminArgs): string {
  if (id !== undefined && subject === undefined && kind === undefined)
    return `/api/v1/tokens/${segment(id)}`;
  if (id === undefined && subject !== undefined && kind !== undefined)
    return `/api/v1/tokens${query({ kind, subject })}`;
  throw new OtaError('usage', 'ota admin tokens revoke takes --id, or --subject and --kind', {
    hint: 'ota admin tokens list shows all three.',
  });
}
