import type { FastifyInstance } from 'fastify';
import { OtaError } from '../../core/errors.ts';
import { type ReportedStatus, reportedStatuses } from '../../core/fleet/attempt.ts';
import type { Offer } from '../../core/fleet/offer.ts';
import type { Snapshot } from '../catalog.ts';
import { downloadUrl } from '../download-url.ts';
import { unknownDevice } from '../fleet.ts';
import type { Service } from '../service.ts';
import type { ReleaseRow } from '../store/tables.ts';
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

interface DownloadQuery {
  device_model?: string;
  device_id?: string;
  expires?: string;
  sig?: string;
}

/** The endpoints that devices of seed 003 use. */
export function seed003DeviceRoutes(app: FastifyInstance, { service }: { service: Service }): void {
  const { fleet, deviceAuth, catalog, downloads } = service;
  app.get<{ Querystring: CheckQuery }>(
    '/api/firmware/check',
    { schema: checkSchema, config: { seed: true } },
    async (request) => {
      const { query } = request;
      await app.limitDevice(request, query.device_id);
      await deviceAuth.require(request, query.device_id, query.device_model, catalog.current());
      const answer = await fleet.checkIn({
        id: query.device_id,
        model: query.device_model,
        version: query.current_version,
        build: query.current_build,
        imageSha256: query.image_sha256?.toLowerCase(),
        chip: query.chip,
      });
      return toAnswer(service, answer.offer, query, answer.catalog);
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
      await app.limitDevice(request, body.device_id);
      await requireReporter(service, request, body.device_id);
      const { attempt } = await fleet.report({
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
      const { device_model: model, ...link } = request.query;
      const release = findDownload(
        catalog.current(),
        request.params.version,
        model,
        link.device_id,
      );
      requireLink(service, release, link);
      return downloads.send(request, reply, release);
    },
  );
}

/** Only a device whose model asks for it has to show who it is; then its model must be known first. */
export async function requireReporter(
  { catalog, deviceAuth, fleet }: Service,
  request: Parameters<Service['deviceAuth']['require']>[0],
  deviceId: string,
): Promise<void> {
  if (catalog.current().allModelsOpen) return;
  const record = await fleet.find(deviceId);
  if (record === undefined) throw unknownDevice(deviceId);
  await deviceAuth.require(request, deviceId, record.device.model, catalog.current());
}

/** A signed address is checked wherever one is used, and demanded where devices must show who they are. */
export function requireLink(
  { settings, catalog, links }: Service,
  release: ReleaseRow,
  link: { device_id?: string; expires?: string; sig?: string },
): void {
  const demanded =
    settings.downloadSecret !== undefined || catalog.current().model(release.model).auth !== 'open';
  if (demanded || link.sig !== undefined) links.verify(release.id, link);
}

function toAnswer(service: Service, offer: Offer, query: CheckQuery, catalog: Snapshot) {
  const row = offer.update ? catalog.releaseRow(offer.release.id) : undefined;
  if (!offer.update || row === undefined) {
    const reason = offer.update ? 'no-release' : offer.reason;
    return {
      ...nothing,
      current_version: query.current_version,
      latest_version: reason === 'up-to-date' ? query.current_version : null,
      reason,
    };
  }
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

function findDownload(
  catalog: Snapshot,
  wanted: string,
  model: string | undefined,
  device: string | undefined,
): ReleaseRow {
  const found = catalog.releases
    .filter(
      (row) =>
        row.version === wanted && row.active === 1 && (model === undefined || row.model === model),
    )
    .sort((a, b) => b.build - a.build || b.created_at - a.created_at)[0];
  if (found !== undefined) return found;
  throw new OtaError('release-unknown', 'Firmware version not found', {
    hint: `No active release ${wanted}${device === undefined ? '' : ` for device ${device}`}.`,
  });
}

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
    properties: {
      device_model: id,
      device_id: id,
      expires: { type: 'string', maxLength: 12 },
      sig: { type: 'string', maxLength: 64 },
    },
  },
} as const;
