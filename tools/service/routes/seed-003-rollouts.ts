import type { FastifyInstance } from 'fastify';
import type { RolloutAct } from '../../core/fleet/offers/rollout.ts';
import { type Audience, withPercentage } from '../../core/fleet/offers/rollout-audience.ts';
import {
  fromTarget,
  type TargetFilter,
  type TargetType,
  targetTypes,
  toTarget,
} from '../../core/fleet/offers/rollout-target.ts';
import type { RolloutSettings } from '../releases/rollouts.ts';
import type { Service } from '../service.ts';
import type { RolloutRow } from '../store/tables.ts';
import { buildNumber, flag, id, isoTime, keyed, version } from './schemas.ts';

interface RolloutBody {
  name: string;
  firmware_version: string;
  device_model: string;
  build_number?: number;
  target_type: TargetType;
  target_filter?: TargetFilter | null;
  rollout_percentage: number;
  is_active: boolean;
  allow_downgrade?: boolean;
  deadline_seconds?: number;
}

type RolloutPatch = Partial<Omit<RolloutBody, 'name' | 'firmware_version' | 'device_model'>>;

const acts = ['start', 'pause', 'resume', 'finish', 'cancel'] as const satisfies RolloutAct[];

/** Rollouts in the words of seed 003, with everything that its operators lacked. */
export function seed003RolloutRoutes(
  app: FastifyInstance,
  { service }: { service: Service },
): void {
  const { access, rollouts, catalog } = service;
  const show = (row: RolloutRow) => toRollout(row, service);

  app.post<{ Body: RolloutBody }>(
    '/api/admin/rollout/create',
    { schema: schemaOf('Create a rollout', createBody), config: { seed: true } },
    async (request) => {
      const actor = await access.require(request.headers, 'publisher');
      const { body } = request;
      const row = await rollouts.create(
        {
          name: body.name,
          release: rollouts.releaseFor(body.device_model, body.firmware_version, body.build_number),
          audience: fromTarget(body),
          running: body.is_active,
          allowDowngrade: body.allow_downgrade,
          deadlineMs: inMs(body.deadline_seconds),
        },
        actor,
      );
      return {
        status: 'success',
        message: `Rollout ${row.name} created`,
        id: row.id,
        rollout: show(row),
      };
    },
  );

  app.get(
    '/api/admin/rollouts',
    { schema: schemaOf('Rollouts, newest first') },
    async (request) => {
      await access.require(request.headers, 'viewer');
      const rows = [...catalog.current().rollouts].sort((a, b) => b.id - a.id);
      return { rollouts: rows.map(show) };
    },
  );

  app.get<{ Params: { name: string } }>(
    '/api/admin/rollout/:name',
    { schema: schemaOf('One rollout and how it goes') },
    async (request) => {
      await access.require(request.headers, 'viewer');
      const row = rollouts.get(request.params.name);
      const counts = await service.store.history.countAttempts({ rolloutId: row.id });
      return {
        ...show(row),
        attempts: Object.fromEntries(counts.map(({ name, count }) => [name, count])),
      };
    },
  );

  app.patch<{ Params: { name: string }; Body: RolloutPatch }>(
    '/api/admin/rollout/:name',
    { schema: schemaOf('Change what is given, leave the rest', patchBody), config: { seed: true } },
    async (request) => {
      const actor = await access.require(request.headers, 'publisher');
      const { body } = request;
      const row = await rollouts.change(
        request.params.name,
        {
          audience: audienceChange(body),
          act: actFor(body.is_active),
          allowDowngrade: body.allow_downgrade,
          deadlineMs: inMs(body.deadline_seconds),
        },
        actor,
      );
      return { status: 'success', message: `Rollout ${row.name} updated`, rollout: show(row) };
    },
  );

  for (const act of acts) {
    app.post<{ Params: { name: string } }>(
      `/api/admin/rollout/:name/${act}`,
      { schema: schemaOf(`${act} a rollout`) },
      async (request) => {
        const actor = await access.require(request.headers, 'publisher');
        return show(await rollouts.change(request.params.name, { act: () => act }, actor));
      },
    );
  }

  app.delete<{ Params: { name: string } }>(
    '/api/admin/rollout/:name',
    { schema: schemaOf('Delete a rollout that does not run') },
    async (request) => {
      const actor = await access.require(request.headers, 'publisher');
      await rollouts.remove(request.params.name, actor);
      return { status: 'success', message: `Rollout ${request.params.name} deleted` };
    },
  );
}

function inMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}

/** `is_active` is the seed's only switch; a pause is `false`. */
function actFor(isActive: boolean | undefined): RolloutSettings['act'] {
  if (isActive === undefined) return;
  if (isActive) return () => 'resume';
  return (before) => (before === 'draft' ? undefined : 'pause');
}

function audienceChange(body: RolloutPatch): ((before: Audience) => Audience) | undefined {
  const { target_type: type, target_filter: filter, rollout_percentage: percentage } = body;
  if (type === undefined && filter === undefined && percentage === undefined) return;
  return (before) => {
    if (type === undefined && filter === undefined)
      return withPercentage(before, percentage ?? 100);
    const known = toTarget(before);
    return fromTarget({
      target_type: type ?? known.target_type,
      target_filter: filter === undefined ? known.target_filter : filter,
      rollout_percentage: percentage ?? known.rollout_percentage,
    });
  };
}

function toRollout(row: RolloutRow, { catalog }: Service) {
  const release = catalog.current().releaseRow(row.release_id);
  return {
    id: row.id,
    name: row.name,
    firmware_version: release?.version ?? null,
    build_number: release?.build ?? null,
    device_model: row.model,
    ...toTarget(JSON.parse(row.audience) as Audience),
    is_active: row.state === 'running',
    state: row.state,
    allow_downgrade: row.allow_downgrade === 1,
    deadline_seconds: row.deadline_ms / 1000,
    created_at: isoTime(row.created_at),
    updated_at: isoTime(row.updated_at),
    created_by: row.created_by,
  };
}

const names = { type: 'array', minItems: 1, maxItems: 10_000, items: id } as const;
const settings = {
  target_type: { type: 'string', enum: targetTypes },
  target_filter: { type: ['object', 'null'], properties: { device_ids: names, groups: names } },
  rollout_percentage: { type: 'integer', minimum: 0, maximum: 100 },
  is_active: flag,
  allow_downgrade: flag,
  deadline_seconds: { type: 'integer', minimum: 1, maximum: 10_000_000 },
} as const;

const createBody = {
  type: 'object',
  required: ['name', 'firmware_version', 'device_model', 'target_type'],
  properties: {
    ...settings,
    name: id,
    firmware_version: version,
    device_model: id,
    build_number: buildNumber,
    rollout_percentage: { ...settings.rollout_percentage, default: 100 },
    is_active: { ...flag, default: true },
  },
} as const;

const patchBody = { type: 'object', minProperties: 1, properties: settings } as const;

function schemaOf(summary: string, body?: object) {
  return { tags: ['rollouts'], summary, security: keyed, ...(body === undefined ? {} : { body }) };
}
