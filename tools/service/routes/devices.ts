import type { FastifyInstance } from 'fastify';
import { unknownDevice } from '../devices/fleet.ts';
import type { Service } from '../service.ts';
import type { TransitionRow } from '../store/tables.ts';
import { flag, id, isoTime, keyed } from './schemas.ts';
import { toDevice, toUpdate } from './seed-003-admin.ts';

interface DeviceBody {
  groups?: string[];
  labels?: Record<string, string>;
  /** Forget how often the device came back without releases, so that they are offered again. */
  reset_setbacks?: boolean;
}

/** One device: what is known of it, its history, and what people say of it. */
export function deviceRoutes(app: FastifyInstance, { service }: { service: Service }): void {
  const { access, store, fleet, audit } = service;
  const url = '/api/admin/devices/:device_id';
  app.get<{ Params: { device_id: string } }>(
    url,
    { schema: schemaOf('One device and its history') },
    async (request) => {
      await access.require(request.headers, 'viewer');
      const deviceId = request.params.device_id;
      await fleet.flush();
      const row = await store.history.device(deviceId);
      if (row === undefined) throw unknownDevice(deviceId);
      const [attempts, history] = await Promise.all([
        store.history.attempts({ deviceId, limit: 50 }),
        store.history.transitions(deviceId, 500),
      ]);
      return {
        ...toDevice(row),
        chip: row.chip,
        setbacks: JSON.parse(row.setbacks) as object,
        updates: attempts.map(toUpdate),
        history: history.map(toTransition),
      };
    },
  );
  app.patch<{ Params: { device_id: string }; Body: DeviceBody }>(
    url,
    { schema: schemaOf('Set groups and labels', deviceBody) },
    async (request) => {
      const actor = await access.require(request.headers, 'publisher');
      const deviceId = request.params.device_id;
      const { groups, labels, reset_setbacks: reset } = request.body;
      const known = await store.history.describeDevice(
        deviceId,
        {
          ...(groups === undefined ? {} : { groups }),
          ...(labels === undefined ? {} : { labels }),
          ...(reset === true ? { setbacks: 'clear' as const } : {}),
        },
        audit.entry('device_updated', actor, { deviceId, data: request.body }),
      );
      const row = known ? await store.history.device(deviceId) : undefined;
      if (row === undefined) throw unknownDevice(deviceId);
      return toDevice(row);
    },
  );
}

function toTransition(row: TransitionRow) {
  return {
    at: isoTime(row.at),
    attempt_id: row.attempt_id,
    from: row.from_state,
    to: row.to_state,
    source: row.source,
    detail: row.detail,
  };
}

const deviceBody = {
  type: 'object',
  minProperties: 1,
  properties: {
    groups: { type: 'array', maxItems: 100, items: id },
    labels: {
      type: 'object',
      maxProperties: 100,
      additionalProperties: { type: 'string', maxLength: 500 },
    },
    reset_setbacks: flag,
  },
} as const;

function schemaOf(summary: string, body?: object) {
  return {
    tags: ['fleet'],
    summary,
    security: keyed,
    params: { type: 'object', properties: { device_id: id } },
    ...(body === undefined ? {} : { body }),
  };
}
