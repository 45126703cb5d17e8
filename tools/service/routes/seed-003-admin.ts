import type { FastifyInstance } from 'fastify';
import type { AttemptState } from '../../core/fleet/attempts/attempt.ts';
import { statusOfState } from '../../core/fleet/attempts/attempt.ts';
import type { Service } from '../service.ts';
import type { AttemptEntry } from '../store/history-store.ts';
import { parseList } from '../store/rows.ts';
import type { DeviceRow, ReleaseRow } from '../store/tables.ts';
import { withForm } from './multipart.ts';
import { flag, formBody, id, isoTime, keyed, limit, longText, skip, version } from './schemas.ts';
import { seed003RolloutRoutes } from './seed-003-rollouts.ts';

interface UploadQuery {
  version: string;
  device_model: string;
  min_version?: string;
  changelog?: string;
  release_notes?: string;
  is_signed: boolean;
  signature?: string;
}

/** The administrator's endpoints of seed 003. */
export function seed003AdminRoutes(app: FastifyInstance, { service }: { service: Service }): void {
  const { access, catalog, releases, store, fleet } = service;
  seed003RolloutRoutes(app, { service });

  app.post<{ Querystring: UploadQuery }>(
    '/api/admin/firmware/upload',
    { schema: uploadSchema, config: { seed: true, file: formBody({ signature }) } },
    async (request) => {
      const actor = await access.require(request.headers, 'publisher');
      const { query } = request;
      return withForm(service, request, async ({ file, filename, fields }) => {
        const release = await releases.registerNew(
          {
            model: query.device_model,
            version: query.version,
            build: 0,
            filename,
            minVersion: query.min_version,
            changelog: query.changelog,
            releaseNotes: query.release_notes,
            signed: query.is_signed,
            signature: query.signature ?? fields.signature,
          },
          file,
          actor,
        );
        return {
          status: 'success',
          message: `Firmware ${release.version} uploaded`,
          version: release.version,
          file_size: release.size,
          checksum_sha256: release.sha256,
          warnings: file.warnings,
        };
      });
    },
  );

  app.get<{ Querystring: { device_model?: string; limit: number } }>(
    '/api/admin/firmware/releases',
    { schema: listSchema('Releases, newest first', 100, 10), config: { seed: true } },
    async (request) => {
      await access.require(request.headers, 'viewer');
      const { device_model: model } = request.query;
      const rows = catalog
        .current()
        .releases.filter((row) => model === undefined || row.model === model)
        .sort((a, b) => b.id - a.id);
      return { releases: rows.slice(0, request.query.limit).map(toRelease) };
    },
  );

  app.get<{ Querystring: { device_model?: string; group?: string; limit: number; skip: number } }>(
    '/api/admin/devices',
    { schema: listSchema('Devices, last seen first', 1000, 50), config: { seed: true } },
    async (request) => {
      await access.require(request.headers, 'viewer');
      const { device_model: model, group, ...page } = request.query;
      await fleet.flush();
      const rows = await store.history.devices({ model, group, ...page });
      return { devices: rows.map(toDevice) };
    },
  );

  app.get<{
    Querystring: { device_id?: string; firmware_version?: string; limit: number; skip: number };
  }>(
    '/api/admin/update-status',
    { schema: listSchema('Update attempts, newest first', 1000, 50), config: { seed: true } },
    async (request) => {
      await access.require(request.headers, 'viewer');
      const { device_id: deviceId, firmware_version: wanted, ...page } = request.query;
      const rows = await store.history.attempts({ deviceId, version: wanted, ...page });
      return { updates: rows.map(toUpdate) };
    },
  );
}

function toRelease(row: ReleaseRow) {
  return {
    version: row.version,
    device_model: row.model,
    file_size: row.size,
    checksum_sha256: row.sha256,
    is_signed: row.signed === 1,
    created_at: isoTime(row.created_at),
    release_notes: row.release_notes,
    min_version: row.min_version,
    build_number: row.build,
    is_stable: row.stable === 1,
    is_active: row.active === 1,
    id: row.id,
  };
}

export function toDevice(row: DeviceRow) {
  return {
    device_id: row.id,
    device_model: row.model,
    current_firmware_version: row.version,
    last_seen: isoTime(row.last_seen_at),
    created_at: isoTime(row.created_at),
    current_build: row.build,
    groups: parseList(row.groups),
    labels: JSON.parse(row.labels) as Record<string, string>,
  };
}

export function toUpdate(row: AttemptEntry) {
  const state = row.state as AttemptState;
  return {
    device_id: row.device_id,
    firmware_version: row.version,
    status: statusOfState(state),
    error_message: row.error,
    progress_percent: row.progress,
    started_at: isoTime(row.started_at),
    completed_at: isoTime(row.completed_at),
    reported_at: isoTime(row.updated_at),
    state,
    attempt_id: row.id,
  };
}

const signature = { type: 'string', maxLength: 2000 } as const;
const uploadSchema = {
  tags: ['releases'],
  summary: 'Upload a release (form field "file")',
  security: keyed,
  querystring: {
    type: 'object',
    required: ['version', 'device_model'],
    properties: {
      version,
      device_model: id,
      min_version: version,
      changelog: longText,
      release_notes: longText,
      is_signed: { ...flag, default: false },
      signature,
    },
  },
} as const;

function listSchema(summary: string, most: number, standard: number) {
  return {
    tags: ['fleet'],
    summary,
    security: keyed,
    querystring: {
      type: 'object',
      properties: {
        device_model: id,
        device_id: id,
        firmware_version: version,
        group: id,
        limit: limit(most, standard),
        skip,
      },
    },
  };
}
