import type { FastifyInstance } from 'fastify';
import { OtaError } from '../../core/errors.ts';
import { type ReportedStatus, reportedStatuses } from '../../core/fleet/attempts/attempt.ts';
import type { LinkQuery } from '../access/links.ts';
import { type DownloadChoice, downloadUrl, findDownload } from '../downloads/download-url.ts';
import type { Service } from '../service.ts';
import { createDeviceDoor, type DoorAnswer, linkQuery } from './device-door.ts';
import { buildNumber, chipName, deviceId, hash, id, nullable, version } from './schemas.ts';

interface CheckQuery {
  device_id: string;
  device_model: string;
  current_version: string;
  current_build?: number;
  image_sha256?: string;
  chip?: string;
}

interface StatusBody {
  device_id: string;
  firmware_version: string;
  status: ReportedStatus;
  error_message?: string | null;
  progress_percent?: number | null;
}

interface DownloadQuery extends LinkQuery, DownloadChoice {}

/** The endpoints that devices of seed 003 use. */
export function seed003DeviceRoutes(app: FastifyInstance, { service }: { service: Service }): void {
  const door = createDeviceDoor(app, service);
  app.get<{ Querystring: CheckQuery }>(
    '/api/firmware/check',
    { schema: checkSchema, config: { seed: true } },
    async (request) => {
      const { query } = request;
      const answer = await door.check(request, {
        id: query.device_id,
        model: query.device_model,
        version: query.current_version,
        build: query.current_build,
        imageSha256: query.image_sha256,
        chip: query.chip,
      });
      return toAnswer(service, answer, query);
    },
  );

  app.post<{ Params: { device_id: string }; Body: StatusBody }>(
    '/api/device/:device_id/update-status',
    { schema: statusSchema, config: { seed: true } },
    async (request) => {
      const { body, params } = request;
      if (body.device_id !== params.device_id)
        throw new OtaError('request-invalid', 'path and body name different devices', {
          hint: 'device_id in the body is the one of the path.',
        });
      const { attempt } = await door.report(request, {
        deviceId: body.device_id,
        release: { version: body.firmware_version },
        status: body.status,
        progress: body.progress_percent ?? undefined,
        error: body.error_message ?? undefined,
      });
      return { status: 'ok', message: 'Status updated', state: attempt.state };
    },
  );

  app.get<{ Params: { version: string }; Querystring: DownloadQuery }>(
    '/api/firmware/download/:version',
    { schema: downloadSchema, config: { seed: true } },
    async (request, reply) => {
      const { params, query } = request;
      const release = findDownload(service.catalog.current(), params.version, query);
      if (release === undefined)
        throw new OtaError('release-unknown', 'Firmware version not found', {
          hint: `There is no active release ${params.version} of that model and build.`,
        });
      return door.download(request, reply, release);
    },
  );
}

function toAnswer(service: Service, answer: DoorAnswer, query: CheckQuery) {
  if (answer.release === undefined) {
    const { reason } = answer;
    return {
      ...nothing,
      current_version: query.current_version,
      latest_version: reason === 'up-to-date' ? query.current_version : null,
      reason,
    };
  }
  const { release: row, catalog } = answer;
  return {
    update_available: true,
    current_version: query.current_version,
    latest_version: row.version,
    download_url: downloadUrl(service, row, query.device_id, catalog),
    file_size: row.size,
    checksum_sha256: row.sha256,
    release_notes: row.release_notes,
    checksum_md5: row.md5,
    signature: row.signature,
    reason: null,
  };
}

const nothing = {
  update_available: false,
  download_url: null,
  file_size: null,
  checksum_sha256: null,
  release_notes: null,
  checksum_md5: null,
  signature: null,
};

const checkSchema = {
  tags: ['devices'],
  summary: 'Is there an update for me?',
  querystring: {
    type: 'object',
    required: ['device_id', 'device_model', 'current_version'],
    properties: {
      device_id: id,
      device_model: id,
      current_version: version,
      current_build: buildNumber,
      image_sha256: hash,
      chip: chipName,
    },
  },
  response: {
    200: {
      type: 'object',
      properties: {
        update_available: { type: 'boolean' },
        current_version: nullable('string'),
        latest_version: nullable('string'),
        download_url: nullable('string'),
        file_size: nullable('integer'),
        checksum_sha256: nullable('string'),
        release_notes: nullable('string'),
        checksum_md5: nullable('string'),
        signature: nullable('string'),
        reason: nullable('string'),
      },
    },
  },
} as const;

const statusSchema = {
  tags: ['devices'],
  summary: 'Report how an update goes',
  params: { type: 'object', properties: { device_id: id } },
  body: {
    type: 'object',
    required: ['device_id', 'firmware_version', 'status'],
    properties: {
      device_id: deviceId,
      firmware_version: version,
      status: { type: 'string', enum: reportedStatuses },
      error_message: { type: ['string', 'null'], maxLength: 2000 },
      progress_percent: { type: ['integer', 'null'], minimum: 0, maximum: 100 },
    },
  },
} as const;

const downloadSchema = {
  tags: ['devices'],
  summary: 'Download a firmware image',
  params: { type: 'object', properties: { version } },
  querystring: {
    type: 'object',
    properties: { device_model: id, build_number: buildNumber, ...linkQuery },
  },
} as const;
