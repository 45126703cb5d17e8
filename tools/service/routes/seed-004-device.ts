import type { FastifyInstance } from 'fastify';
import { OtaError } from '../../core/errors.ts';
import {
  type ReportedStatus,
  reportedStatuses,
  statusOfState,
} from '../../core/fleet/attempts/attempt.ts';
import type { LinkQuery } from '../access/links.ts';
import type { Service } from '../service.ts';
import type { ReleaseRow } from '../store/tables.ts';
import { createDeviceDoor, linkQuery } from './device-door.ts';
import { buildNumber, chipName, hash, id, nullable, rowId, version } from './schemas.ts';

interface CheckBody {
  device_id: string;
  device_type: string;
  current_version: string;
  current_build?: number | null;
  image_sha256?: string;
  chip?: string;
}

interface StatusBody {
  device_id: string;
  firmware_id: number;
  status: ReportedStatus;
  bytes_downloaded?: number | null;
  error_message?: string | null;
}

/** The endpoints that devices of seed 004 use. Its device numbers are ids like any other. */
export function seed004DeviceRoutes(
  app: FastifyInstance,
  { service, prefix }: { service: Service; prefix: string },
): void {
  const door = createDeviceDoor(app, service);
  const { releases } = service;
  app.post<{ Body: CheckBody }>(
    '/check',
    { schema: checkSchema, config: { seed: true } },
    async (request) => {
      const { body } = request;
      const answer = await door.check(request, {
        id: body.device_id,
        model: body.device_type,
        version: body.current_version,
        build: body.current_build ?? undefined,
        imageSha256: body.image_sha256,
        chip: body.chip,
      });
      const { release } = answer;
      if (release === undefined) return { ...nothing, reason: answer.reason };
      const link = door.linkFor(release, body.device_id);
      const path = `${prefix}/download/${release.id}${link === undefined ? '' : `?${link}`}`;
      return toAnswer(release, `${service.settings.publicUrl ?? ''}${path}`);
    },
  );

  app.get<{ Params: { id: number }; Querystring: LinkQuery }>(
    '/download/:id',
    { schema: downloadSchema, config: { seed: true } },
    async (request, reply) => {
      const release = releases.get(request.params.id);
      if (release.active === 0)
        throw new OtaError('release-unknown', 'Firmware not found', { hint: 'It is not active.' });
      return door.download(request, reply, release);
    },
  );

  app.post<{ Body: StatusBody }>(
    '/status',
    { schema: statusSchema, config: { seed: true } },
    async (request) => {
      const { body } = request;
      const bytes = body.bytes_downloaded ?? undefined;
      const size = service.catalog.current().releaseRow(body.firmware_id)?.size;
      const { attempt, release } = await door.report(request, {
        deviceId: body.device_id,
        release: { id: body.firmware_id },
        status: body.status,
        bytes,
        progress: bytes === undefined || size === undefined ? undefined : percentOf(bytes, size),
        error: body.error_message ?? undefined,
      });
      return {
        success: true,
        log_id: attempt.id ?? (await logId(service, body.device_id, release.id)),
        status: statusOfState(attempt.state),
        state: attempt.state,
      };
    },
  );
}

/** A report that began an attempt knows its number only after it was stored. */
async function logId(
  service: Service,
  deviceId: string,
  releaseId: number,
): Promise<number | null> {
  const record = await service.fleet.find(deviceId);
  return record?.attempt?.releaseId === releaseId ? (record.attempt.id ?? null) : null;
}

function percentOf(bytes: number, size: number): number {
  return Math.min(100, Math.floor((bytes * 100) / size));
}

function toAnswer(row: ReleaseRow, url: string) {
  return {
    update_available: true,
    firmware_id: row.id,
    version: row.version,
    build_number: row.build,
    description: row.description,
    download_url: url,
    file_hash: row.sha256,
    file_size: row.size,
    reason: null,
  };
}

const nothing = {
  update_available: false,
  firmware_id: null,
  version: null,
  build_number: null,
  description: null,
  download_url: null,
  file_hash: null,
  file_size: null,
};

const checkSchema = {
  tags: ['devices'],
  summary: 'Is there an update for me?',
  body: {
    type: 'object',
    required: ['device_id', 'device_type', 'current_version'],
    properties: {
      device_id: id,
      device_type: id,
      current_version: version,
      current_build: { ...buildNumber, type: ['integer', 'null'] },
      image_sha256: hash,
      chip: chipName,
    },
  },
  response: {
    200: {
      type: 'object',
      properties: {
        update_available: { type: 'boolean' },
        firmware_id: nullable('integer'),
        version: nullable('string'),
        build_number: nullable('integer'),
        description: nullable('string'),
        download_url: nullable('string'),
        file_hash: nullable('string'),
        file_size: nullable('integer'),
        reason: nullable('string'),
      },
    },
  },
} as const;

const statusSchema = {
  tags: ['devices'],
  summary: 'Report how an update goes',
  body: {
    type: 'object',
    required: ['device_id', 'firmware_id', 'status'],
    properties: {
      device_id: id,
      firmware_id: rowId,
      status: { type: 'string', enum: reportedStatuses },
      bytes_downloaded: { type: ['integer', 'null'], minimum: 0, maximum: 1e12 },
      error_message: { type: ['string', 'null'], maxLength: 2000 },
    },
  },
} as const;

const downloadSchema = {
  tags: ['devices'],
  summary: 'Download a firmware image',
  params: { type: 'object', properties: { id: rowId } },
  querystring: { type: 'object', properties: linkQuery },
} as const;
