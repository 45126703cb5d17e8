import type { FastifyInstance } from 'fastify';
import { OtaError } from '../../core/errors.ts';
import { type AttemptState, attemptStates, statusOfState } from '../../core/fleet/attempt.ts';
import { parseImageVersion } from '../inspect-upload.ts';
import { requireName } from '../names.ts';
import type { TakenFile } from '../releases.ts';
import type { Service } from '../service.ts';
import type { AttemptEntry } from '../store/history-store.ts';
import type { ReleaseRow } from '../store/tables.ts';
import { readForm } from './multipart.ts';
import {
  buildNumber,
  flag,
  hash,
  id,
  isoTime,
  keyed,
  limit,
  longText,
  rowId,
  skip,
  version,
} from './schemas.ts';

interface RegisterBody {
  device_type: string;
  version: string;
  build_number: number;
  filename: string;
  file_size: number;
  file_hash: string;
  binary_path: string;
  description?: string | null;
  release_notes?: string | null;
  is_stable: boolean;
  min_current_version?: string | null;
}

interface ReleasePatch {
  description?: string | null;
  release_notes?: string | null;
  is_stable?: boolean;
  is_active?: boolean;
  min_current_version?: string | null;
}

/** The administrator's endpoints of seed 004. */
export function seed004AdminRoutes(app: FastifyInstance, { service }: { service: Service }): void {
  const { access, releases, catalog, store } = service;
  const config = { seed: true };

  app.post<{ Querystring: Record<string, string | undefined> }>(
    '/upload',
    { schema: schemaOf('Upload a file (form); with register=true it becomes a release'), config },
    (request) => upload(service, request),
  );

  app.post<{ Body: RegisterBody }>(
    '/firmware',
    { schema: schemaOf('Make a release of an uploaded file', { body: registerBody }), config },
    async (request, reply) => {
      const actor = await access.require(request.headers, 'publisher');
      const { body } = request;
      const file = await findUpload(service, body);
      const { release, created } = await releases.register(toFacts(body), file, actor);
      if (!created) throw alreadyThere(release);
      return reply.code(200).send(toRecord(release));
    },
  );

  app.get<{ Querystring: { device_type?: string; skip: number; limit: number } }>(
    '/firmware',
    { schema: schemaOf('Releases, newest first', { querystring: pageQuery }), config },
    async (request) => {
      await access.require(request.headers, 'viewer');
      const { device_type: model, skip, limit: most } = request.query;
      return catalog
        .current()
        .releases.filter((row) => model === undefined || row.model === model)
        .sort((a, b) => b.id - a.id)
        .slice(skip, skip + most)
        .map((row) => {
          const { binary_path: _, ...shown } = toRecord(row);
          return shown;
        });
    },
  );

  app.get<{ Params: { id: number } }>(
    '/firmware/:id',
    { schema: schemaOf('One release', { params: idParams }), config },
    async (request) => {
      await access.require(request.headers, 'viewer');
      return toRecord(releases.get(request.params.id));
    },
  );

  app.patch<{ Params: { id: number }; Body: ReleasePatch }>(
    '/firmware/:id',
    {
      schema: schemaOf('Change what is given, leave the rest', {
        params: idParams,
        body: patchBody,
      }),
      config,
    },
    async (request) => {
      const actor = await access.require(request.headers, 'publisher');
      const before = releases.get(request.params.id);
      const change = toChange(request.body, before, service.now());
      return toRecord(await releases.change(before.id, change, actor));
    },
  );

  app.delete<{ Params: { id: number } }>(
    '/firmware/:id',
    {
      schema: schemaOf('Take a release back: it is neither offered nor served', {
        params: idParams,
      }),
      config,
    },
    async (request) => {
      const actor = await access.require(request.headers, 'publisher');
      const row = await releases.change(request.params.id, { active: 0 }, actor);
      return { success: true, message: `Firmware ${row.version} deactivated` };
    },
  );

  app.get<{
    Querystring: {
      device_id?: string;
      firmware_id?: number;
      status?: string;
      skip: number;
      limit: number;
    };
  }>(
    '/logs',
    { schema: schemaOf('Update attempts, newest first', { querystring: pageQuery }), config },
    async (request) => {
      await access.require(request.headers, 'viewer');
      const { device_id: deviceId, firmware_id: releaseId, status, ...page } = request.query;
      const states =
        status === undefined
          ? undefined
          : attemptStates.filter((state) => state === status || statusOfState(state) === status);
      if (states?.length === 0) return [];
      const rows = await store.history.attempts({ deviceId, releaseId, states, ...page });
      return rows.map(toLog);
    },
  );
}

async function upload(
  service: Service,
  request: Parameters<typeof readForm>[1] & { query: Record<string, string | undefined> },
) {
  const { access, releases, store, now } = service;
  const actor = await access.require(request.headers, 'publisher');
  const { file, filename, fields } = await readForm(service, request);
  // Form fields as documented; query parameters as the seed's code has them.
  const given = { ...request.query, ...fields };
  const { device_type: model, version: declared } = given;
  if (model === undefined || declared === undefined)
    throw new OtaError('request-invalid', 'device_type and version are needed', {
      hint: 'curl -F "file=@firmware.bin" -F "device_type=…" -F "version=1.1.0" …',
    });
  requireName('device type', model);
  requireName('version', declared);
  const inside = file.version === undefined ? undefined : parseImageVersion(file.version);
  const build = given.build_number === undefined ? inside?.build : Number(given.build_number);
  const path = `${model}/v${declared}${build === undefined ? '' : `_b${build}`}.bin`;
  const answer = {
    success: true,
    filename,
    device_type: model,
    version: declared,
    binary_path: path,
    file_size: file.sizeBytes,
    file_hash: file.sha256,
    build_number: inside?.build ?? null,
    raw_version: file.version ?? null,
    warnings: file.warnings,
  };
  if (given.register === 'true') {
    const body = oneStep(given, { model, declared, build: build ?? 1, filename, path });
    const { release, created } = await releases.register(body, file, actor);
    if (!created) throw alreadyThere(release);
    return { ...answer, ...toRecord(release) };
  }
  await store.catalog.putUpload({
    path,
    model,
    version: declared,
    filename,
    size: file.sizeBytes,
    sha256: file.sha256,
    md5: file.md5,
    elf_sha256: file.elfSha256 ?? null,
    chip: file.chip ?? null,
    image_version: file.version ?? null,
    image_build: inside?.build ?? null,
    created_at: now(),
  });
  return answer;
}

function oneStep(
  given: Record<string, string | undefined>,
  known: { model: string; declared: string; build: number; filename: string; path: string },
) {
  if (!Number.isSafeInteger(known.build) || known.build < 0)
    throw new OtaError('request-invalid', 'build_number must be a whole number', {});
  return {
    model: known.model,
    version: known.declared,
    build: known.build,
    filename: known.filename,
    binaryPath: known.path,
    stable: given.is_stable === 'true',
    minVersion: given.min_current_version,
    description: given.description,
    releaseNotes: given.release_notes,
    signature: given.signature,
  };
}

/** @throws OtaError `upload-unknown`, `upload-mismatch` */
async function findUpload(service: Service, body: RegisterBody): Promise<TakenFile> {
  const row = await service.store.catalog.findUpload(body.binary_path);
  if (row === undefined || row.model !== body.device_type)
    throw new OtaError(
      'upload-unknown',
      `nothing was uploaded as ${JSON.stringify(body.binary_path)}`,
      {
        hint: 'Upload the file first; the answer has its binary_path.',
      },
    );
  if (row.version !== body.version) throw mismatch('version', row.version, body.version);
  if (row.size !== body.file_size) throw mismatch('file_size', row.size, body.file_size);
  if (row.sha256 !== body.file_hash.toLowerCase())
    throw mismatch('file_hash', row.sha256, body.file_hash);
  return {
    sizeBytes: row.size,
    sha256: row.sha256,
    md5: row.md5,
    elfSha256: row.elf_sha256 ?? undefined,
    chip: row.chip ?? undefined,
    version: row.image_version ?? undefined,
    project: undefined,
    warnings: [],
  };
}

function mismatch(what: string, uploaded: unknown, declared: unknown): OtaError {
  return new OtaError(
    'upload-mismatch',
    `${what}: uploaded is ${uploaded}, declared is ${declared}`,
    {
      hint: 'Register what the upload answered.',
    },
  );
}

function alreadyThere({ model, version: known, build }: ReleaseRow): OtaError {
  return new OtaError(
    'release-exists',
    `version ${known} build ${build} of model ${model} exists`,
    {
      hint: 'It has exactly this content: nothing to do.',
    },
  );
}

function toFacts(body: RegisterBody) {
  return {
    model: body.device_type,
    version: body.version,
    build: body.build_number,
    filename: body.filename,
    binaryPath: body.binary_path,
    minVersion: body.min_current_version ?? undefined,
    description: body.description ?? undefined,
    releaseNotes: body.release_notes ?? undefined,
    stable: body.is_stable,
  };
}

function toChange(body: ReleasePatch, before: ReleaseRow, nowMs: number) {
  const { description, release_notes, is_stable: stable, is_active: active } = body;
  const released = stable === true && before.released_at === null;
  return {
    ...(description === undefined ? {} : { description }),
    ...(release_notes === undefined ? {} : { release_notes }),
    ...(stable === undefined ? {} : { stable: stable ? 1 : 0 }),
    ...(released ? { released_at: nowMs } : {}),
    ...(active === undefined ? {} : { active: active ? 1 : 0 }),
    ...(body.min_current_version === undefined ? {} : { min_version: body.min_current_version }),
  };
}

function toRecord(row: ReleaseRow) {
  return {
    id: row.id,
    device_type: row.model,
    version: row.version,
    build_number: row.build,
    description: row.description,
    release_notes: row.release_notes,
    is_stable: row.stable === 1,
    min_current_version: row.min_version,
    filename: row.filename,
    file_size: row.size,
    file_hash: row.sha256,
    is_active: row.active === 1,
    created_at: isoTime(row.created_at),
    updated_at: isoTime(row.updated_at),
    released_at: isoTime(row.released_at),
    binary_path: row.binary_path,
    chip: row.chip,
  };
}

function toLog(row: AttemptEntry) {
  const state = row.state as AttemptState;
  return {
    id: row.id,
    device_id: /^\d{1,15}$/.test(row.device_id) ? Number(row.device_id) : row.device_id,
    firmware_id: row.release_id,
    status: statusOfState(state),
    error_message: row.error,
    bytes_downloaded: row.bytes,
    download_started_at: isoTime(row.started_at),
    download_completed_at: isoTime(row.downloaded_at),
    installed_at: isoTime(row.installed_at),
    created_at: isoTime(row.created_at),
    updated_at: isoTime(row.updated_at),
    state,
    version: row.version,
  };
}

const idParams = { type: 'object', properties: { id: rowId } } as const;
const pageQuery = {
  type: 'object',
  properties: {
    device_type: id,
    device_id: id,
    firmware_id: rowId,
    status: { type: 'string', maxLength: 20 },
    skip,
    limit: limit(1000, 100),
  },
} as const;

const patchBody = {
  type: 'object',
  properties: {
    description: longText,
    release_notes: longText,
    is_stable: flag,
    is_active: flag,
    min_current_version: { ...version, type: ['string', 'null'] },
  },
} as const;

const registerBody = {
  type: 'object',
  required: [
    'device_type',
    'version',
    'build_number',
    'filename',
    'file_size',
    'file_hash',
    'binary_path',
  ],
  properties: {
    device_type: id,
    version: { type: 'string', pattern: '^\\d+\\.\\d+\\.\\d+$', maxLength: 20 },
    build_number: { ...buildNumber, minimum: 1 },
    filename: id,
    file_size: { type: 'integer', minimum: 1 },
    file_hash: hash,
    binary_path: { type: 'string', minLength: 1, maxLength: 500 },
    description: longText,
    release_notes: longText,
    is_stable: { ...flag, default: false },
    min_current_version: { ...version, type: ['string', 'null'] },
  },
} as const;

function schemaOf(summary: string, parts: object = {}) {
  return { tags: ['releases'], summary, security: keyed, ...parts };
}
