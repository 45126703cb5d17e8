import { type AdminAct, paging, query, segment } from './act.ts';

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
