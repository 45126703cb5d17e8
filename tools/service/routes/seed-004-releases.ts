import type { FastifyInstance } from 'fastify';
import type { NewReleaseFacts } from '../releases/releases.ts';
import type { Service } from '../service.ts';
import type { ReleaseChange, ReleaseRow } from '../store/tables.ts';
import { buildNumber, flag, hash, id, isoTime, longText, rowId, version } from './schemas.ts';
import { pageQuery, schemaOf } from './seed-004-schemas.ts';

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
  signature?: string | null;
}

interface ReleasePatch {
  description?: string | null;
  release_notes?: string | null;
  is_stable?: boolean;
  is_active?: boolean;
  min_current_version?: string | null;
}

/** Releases in the words of seed 004: register, list, get, change, take back. */
export function seed004ReleaseRoutes(
  app: FastifyInstance,
  { service }: { service: Service },
): void {
  const { access, releases, uploads } = service;
  app.post<{ Body: RegisterBody }>(
    '/firmware',
    { schema: schemaOf('Make a release of an uploaded file', { body: registerBody }), config },
    async (request) => {
      const actor = await access.require(request.headers, 'publisher');
      const { body } = request;
      const file = await uploads.find({
        path: body.binary_path,
        model: body.device_type,
        version: body.version,
        sizeBytes: body.file_size,
        sha256: body.file_hash,
      });
      return toRecord(await releases.registerNew(toFacts(body), file, actor));
    },
  );
  readingRoutes(app, service);
  changingRoutes(app, service);
}

const config = { seed: true };

function readingRoutes(app: FastifyInstance, { access, catalog, releases }: Service): void {
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
}

function changingRoutes(app: FastifyInstance, { access, releases, now }: Service): void {
  const changing = { params: idParams, body: patchBody };
  app.patch<{ Params: { id: number }; Body: ReleasePatch }>(
    '/firmware/:id',
    { schema: schemaOf('Change what is given, leave the rest', changing), config },
    async (request) => {
      const actor = await access.require(request.headers, 'publisher');
      const before = releases.get(request.params.id);
      const change = toChange(request.body, before, now());
      return toRecord(await releases.change(before.id, change, actor));
    },
  );

  const takeBack = 'Take a release back: it is neither offered nor served';
  app.delete<{ Params: { id: number } }>(
    '/firmware/:id',
    { schema: schemaOf(takeBack, { params: idParams }), config },
    async (request) => {
      const actor = await access.require(request.headers, 'publisher');
      const row = await releases.change(request.params.id, { active: 0 }, actor);
      return { success: true, message: `Firmware ${row.version} deactivated` };
    },
  );
}

function toFacts(body: RegisterBody): NewReleaseFacts {
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
    signature: body.signature ?? undefined,
  };
}

function toChange(body: ReleasePatch, before: ReleaseRow, nowMs: number): ReleaseChange {
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

/** A release in the words of seed 004. */
export function toRecord(row: ReleaseRow) {
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

const idParams = { type: 'object', properties: { id: rowId } } as const;

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
    signature: { type: ['string', 'null'], maxLength: 2000 },
  },
} as const;
