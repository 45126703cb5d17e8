import type { FastifyInstance } from 'fastify';
import { type Role, roles } from '../access/access.ts';
import type { Service } from '../service.ts';
import type { EventFilter, LoggedEvent } from '../store/event-log.ts';
import type { KeyRow } from '../store/tables.ts';
import { flag, id, isoTime, keyed, limit, skip, ttl } from './schemas.ts';

/** Keys and the audit log. */
export function adminRoutes(app: FastifyInstance, { service }: { service: Service }): void {
  keyRoutes(app, service);
  const { access, store, deviceAuth } = service;

  app.get<{ Params: { device_id: string } }>(
    '/api/v1/devices/:device_id/key',
    { schema: schemaOf('The key with which a device signs its requests') },
    async (request) => {
      await access.require(request.headers, 'admin');
      return { key: deviceAuth.deviceKey(request.params.device_id) };
    },
  );

  app.get<{ Querystring: EventFilter }>(
    '/api/admin/events',
    {
      schema: schemaOf(
        'Who did what, newest first; with updates=true, what became of updates, too',
        { querystring: eventQuery },
      ),
    },
    async (request) => {
      await access.require(request.headers, 'admin');
      const rows = await store.history.events(request.query);
      return { events: rows.map(toEvent) };
    },
  );
}

function keyRoutes(app: FastifyInstance, { access, keys, catalog }: Service): void {
  app.post<{ Body: { name: string; role: Role; ttl_seconds?: number } }>(
    '/api/v1/keys',
    { schema: schemaOf('Make a key; it is shown this once', { body: keyBody }) },
    async (request, reply) => {
      const actor = await access.require(request.headers, 'admin');
      const { name, role, ttl_seconds: ttlS } = request.body;
      const key = await keys.create(name, role, ttlS, actor);
      return reply.code(201).send({ name, role, key });
    },
  );
  app.get(
    '/api/v1/keys',
    { schema: schemaOf('Keys by name, without the keys') },
    async (request) => {
      await access.require(request.headers, 'admin');
      return { keys: catalog.current().keys.map(toKey) };
    },
  );
  app.delete<{ Params: { name: string } }>(
    '/api/v1/keys/:name',
    { schema: schemaOf('Revoke a key') },
    async (request) => {
      const actor = await access.require(request.headers, 'admin');
      await keys.revoke(request.params.name, actor);
      return { status: 'success' };
    },
  );
}

function toKey(row: KeyRow) {
  return {
    name: row.name,
    role: row.role,
    created_at: isoTime(row.created_at),
    expires_at: isoTime(row.expires_at),
    revoked_at: isoTime(row.revoked_at),
  };
}

function toEvent(row: LoggedEvent) {
  return {
    id: row.id,
    at: isoTime(row.at),
    event_type: row.type,
    created_by: row.actor,
    device_model: row.model,
    firmware_version: row.version,
    rollout: row.rollout,
    device_id: row.device_id,
    event_data: JSON.parse(row.data) as object,
  };
}

const keyBody = {
  type: 'object',
  required: ['name', 'role'],
  properties: { name: id, role: { type: 'string', enum: roles }, ttl_seconds: ttl },
} as const;
const eventQuery = {
  type: 'object',
  properties: {
    type: { ...id, description: 'also update_started, update_completed, update_failed' },
    updates: { ...flag, default: false },
    skip,
    limit: limit(1000, 50),
  },
} as const;

function schemaOf(summary: string, parts: object = {}) {
  return { tags: ['administration'], summary, security: keyed, ...parts };
}
