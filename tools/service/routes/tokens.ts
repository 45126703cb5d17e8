import type { FastifyInstance } from 'fastify';
import { type Role, roles } from '../access/access.ts';
import type { Service } from '../service.ts';
import type { TokenKind, TokenRow } from '../store/tables.ts';
import type { TokenFilter } from '../store/token-store.ts';
import { id, isoTime, keyed, limit, skip, ttl } from './schemas.ts';

/** Tokens of devices and people. */
export function tokenRoutes(app: FastifyInstance, { service }: { service: Service }): void {
  const { access, tokens } = service;
  app.post<{ Body: { subject: string; kind: TokenKind; role?: Role; ttl_seconds: number } }>(
    '/api/v1/tokens',
    { schema: schemaOf('Make a signed token for a device or a person', { body: tokenBody }) },
    async (request) => {
      const actor = await access.require(request.headers, 'admin');
      const { subject, kind, role = 'viewer', ttl_seconds: ttlS } = request.body;
      const order = { subject, kind, role: kind === 'admin' ? role : undefined, ttlS };
      const { token, row } = await tokens.create(order, actor);
      return { id: row.id, token, expires_at: isoTime(row.expires_at) };
    },
  );
  app.get<{ Querystring: TokenFilter }>(
    '/api/v1/tokens',
    {
      schema: schemaOf('Tokens that have not expired, newest first, without the tokens', {
        querystring: listQuery,
      }),
    },
    async (request) => {
      await access.require(request.headers, 'admin');
      return { tokens: (await tokens.list(request.query)).map(toToken) };
    },
  );
  app.delete<{ Params: { id: string } }>(
    '/api/v1/tokens/:id',
    { schema: schemaOf('Revoke a token') },
    async (request) => {
      const actor = await access.require(request.headers, 'admin');
      await tokens.revoke(request.params.id, actor);
      return { status: 'success' };
    },
  );
  app.delete<{ Querystring: { kind: TokenKind; subject: string } }>(
    '/api/v1/tokens',
    {
      schema: schemaOf('Revoke all that was issued to a device or a person until now', {
        querystring: { type: 'object', required: ['kind', 'subject'], properties: subject },
      }),
    },
    async (request) => {
      const actor = await access.require(request.headers, 'admin');
      const { kind, subject: name } = request.query;
      return { status: 'success', revoked: await tokens.revokeSubject(kind, name, actor) };
    },
  );
}

function toToken(row: TokenRow) {
  return {
    id: row.id,
    kind: row.kind,
    subject: row.subject,
    role: row.role,
    created_at: isoTime(row.created_at),
    expires_at: isoTime(row.expires_at),
    revoked_at: isoTime(row.revoked_at),
  };
}

const subject = { subject: id, kind: { type: 'string', enum: ['device', 'admin'] } } as const;
const tokenBody = {
  type: 'object',
  required: ['subject', 'kind'],
  properties: {
    ...subject,
    role: { type: 'string', enum: roles },
    ttl_seconds: { ...ttl, default: 7 * 24 * 3600 },
  },
} as const;
const listQuery = {
  type: 'object',
  properties: {
    ...subject,
    skip,
    limit: limit(1000, 100),
  },
} as const;

function schemaOf(summary: string, parts: object = {}) {
  return { tags: ['administration'], summary, security: keyed, ...parts };
}
