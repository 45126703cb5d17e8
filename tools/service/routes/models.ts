import type { FastifyInstance } from 'fastify';
import { type DeviceAuthMode, deviceAuthModes } from '../access/device-auth.ts';
import { keysOf, parseModelKeys } from '../releases/signatures.ts';
import type { Service } from '../service.ts';
import { parseList } from '../store/rows.ts';
import type { ModelRow } from '../store/tables.ts';
import { keyed } from './schemas.ts';

interface ModelBody {
  auth?: DeviceAuthMode;
  public_keys?: string[];
}

/** What is demanded of the devices of a model, and of those who publish for it. */
export function modelRoutes(app: FastifyInstance, { service }: { service: Service }): void {
  const { access, audit, catalog, store } = service;
  const url = '/api/v1/models/:model';
  app.get(
    '/api/v1/models',
    { schema: schemaOf('Models that have settings or releases, by name') },
    async (request) => {
      await access.require(request.headers, 'viewer');
      return { models: catalog.current().models.map(toModel) };
    },
  );
  app.get<{ Params: { model: string } }>(
    url,
    { schema: schemaOf('One model') },
    async (request) => {
      await access.require(request.headers, 'viewer');
      return toModel(catalog.current().model(request.params.model));
    },
  );
  app.put<{ Params: { model: string }; Body: ModelBody }>(
    url,
    { schema: schemaOf('How devices of a model show who they are; who may sign', modelBody) },
    async (request) => {
      const actor = await access.require(request.headers, 'admin');
      const { auth, public_keys: keys } = request.body;
      const { model } = request.params;
      const change = {
        ...(auth === undefined ? {} : { auth }),
        ...(keys === undefined ? {} : { public_keys: JSON.stringify(parseModelKeys(keys)) }),
      };
      const row = await store.catalog.changeModel(model, change, (after) => {
        const data = { auth: after.auth, public_keys: keysOf(after).map((key) => key.id) };
        return audit.entry('model_updated', actor, { model, data });
      });
      await catalog.reload();
      return toModel(row);
    },
  );
}

function toModel(row: ModelRow) {
  return {
    model: row.model,
    auth: row.auth,
    public_keys: parseList(row.public_keys),
    /** SHA-256 of the keys, as `ota keygen` prints it. */
    key_ids: keysOf(row).map((key) => key.id),
  };
}

const modelBody = {
  type: 'object',
  minProperties: 1,
  properties: {
    auth: { type: 'string', enum: deviceAuthModes },
    public_keys: { type: 'array', maxItems: 10, items: { type: 'string', maxLength: 5000 } },
  },
} as const;

function schemaOf(summary: string, body?: object) {
  return {
    tags: ['administration'],
    summary,
    security: keyed,
    ...(body === undefined ? {} : { body }),
  };
}
