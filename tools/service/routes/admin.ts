import { createPublicKey } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { OtaError } from '../../core/errors.ts';
import { type Role, roles } from '../access.ts';
import { type DeviceAuthMode, deviceAuthModes } from '../device-auth.ts';
import type { Service } from '../service.ts';
import { parseList } from '../store/rows.ts';
import type { EventRow, KeyRow } from '../store/tables.ts';
import { id, isoTime, keyed, limit, skip } from './schemas.ts';

/** Keys, tokens, models and the audit log. */
export function adminRoutes(app: FastifyInstance, { service }: { service: Service }): void {
  keyRoutes(app, service);
  const { access, audit, catalog, store, tokens, deviceAuth } = service;

  app.post<{
    Body: { subject: string; kind: 'device' | 'admin'; role?: Role; ttl_seconds: number };
  }>(
    '/api/v1/tokens',
    { schema: schemaOf('Make a signed token for a device or a person', { body: tokenBody }) },
    async (request) => {
      const actor = await access.require(request.headers, 'admin');
      const { subject, kind, role = 'viewer', ttl_seconds: ttlS } = request.body;
      await audit.note('token_created', actor, { data: { subject, kind, ttl_seconds: ttlS } });
      const token =
        kind === 'device'
          ? await tokens.createDevice(subject, ttlS)
          : await tokens.createAdmin(subject, role, ttlS);
      const expires = isoTime(service.now() + ttlS * 1000);
      return { token, expires_at: expires };
    },
  );

  app.get<{ Params: { device_id: string } }>(
    '/api/v1/devices/:device_id/key',
    { schema: schemaOf('The key with which a device signs its requests') },
    async (request) => {
      await access.require(request.headers, 'admin');
      return { key: deviceAuth.deviceKey(request.params.device_id) };
    },
  );

  app.put<{ Params: { model: string }; Body: { auth?: DeviceAuthMode; public_keys?: string[] } }>(
    '/api/v1/models/:model',
    {
      schema: schemaOf('How devices of a model show who they are; who may sign', {
        body: modelBody,
      }),
    },
    async (request) => {
      const actor = await access.require(request.headers, 'admin');
      const { model } = request.params;
      const before = catalog.current().model(model);
      for (const key of request.body.public_keys ?? []) requirePublicKey(key);
      const row = {
        model,
        auth: request.body.auth ?? before.auth,
        public_keys:
          request.body.public_keys === undefined
            ? before.public_keys
            : JSON.stringify(request.body.public_keys),
      };
      await store.catalog.setModel(row, () =>
        audit.entry('model_updated', actor, { model, data: { auth: row.auth } }),
      );
      await catalog.reload();
      return { model, auth: row.auth, public_keys: parseList(row.public_keys) };
    },
  );

  app.get<{ Querystring: { type?: string; skip: number; limit: number } }>(
    '/api/admin/events',
    { schema: schemaOf('Who did what, newest first', { querystring: eventQuery }) },
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

function requirePublicKey(pem: string): void {
  try {
    createPublicKey(pem);
  } catch (cause) {
    throw new OtaError('request-invalid', 'a public key is not PEM', {
      cause,
      hint: 'Make one with: openssl rsa -in key.pem -pubout',
    });
  }
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

function toEvent(row: EventRow) {
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

const ttl = { type: 'integer', minimum: 1, maximum: 315_360_000 } as const;
const tokenBody = {
  type: 'object',
  required: ['subject', 'kind'],
  properties: {
    subject: id,
    kind: { type: 'string', enum: ['device', 'admin'] },
    role: { type: 'string', enum: roles },
    ttl_seconds: { ...ttl, default: 7 * 24 * 3600 },
  },
} as const;
const keyBody = {
  type: 'object',
  required: ['name', 'role'],
  properties: { name: id, role: { type: 'string', enum: roles }, ttl_seconds: ttl },
} as const;
const modelBody = {
  type: 'object',
  minProperties: 1,
  properties: {
    auth: { type: 'string', enum: deviceAuthModes },
    public_keys: { type: 'array', maxItems: 10, items: { type: 'string', maxLength: 5000 } },
  },
} as const;
const eventQuery = {
  type: 'object',
  properties: {
    type: id,
    skip,
    limit: limit(1000, 50),
  },
} as const;

function schemaOf(summary: string, parts: object = {}) {
  return { tags: ['administration'], summary, security: keyed, ...parts };
}
