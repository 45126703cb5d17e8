import type { FastifyInstance } from 'fastify';
import { OtaError } from '../../core/errors.ts';
import type { Actor } from '../access/access.ts';
import { parseBuild, parseImageVersion } from '../releases/inspect-upload.ts';
import { requireName } from '../releases/names.ts';
import type { NewReleaseFacts } from '../releases/releases.ts';
import type { Service } from '../service.ts';
import { type UploadedForm, withForm } from './multipart.ts';
import { buildNumber, flag, formBody, id, longText, version } from './schemas.ts';
import { toRecord } from './seed-004-releases.ts';
import { schemaOf } from './seed-004-schemas.ts';

/** What comes with a file: form fields as documented, query parameters as the seed's code has them. */
type Given = Readonly<Record<string, string | undefined>>;

/** Files come in here, to be registered afterwards or in the same step. */
export function seed004UploadRoutes(app: FastifyInstance, { service }: { service: Service }): void {
  app.post<{ Querystring: Given }>(
    '/upload',
    {
      schema: schemaOf('Upload a file (form); with register=true it becomes a release', {
        querystring: oneTextEach,
      }),
      config: { seed: true, file: formBody(formFields) },
    },
    async (request) => {
      const actor = await service.access.require(request.headers, 'publisher');
      return withForm(service, request, (form) =>
        takeUpload(service, { ...request.query, ...form.fields }, form, actor),
      );
    },
  );
}

async function takeUpload(
  { releases, uploads }: Service,
  given: Given,
  { file, filename }: UploadedForm,
  actor: Actor,
) {
  const { model, version } = requireNamed(given);
  const { signature } = given;
  const inside = file.version === undefined ? undefined : parseImageVersion(file.version);
  const build = given.build_number === undefined ? inside?.build : parseBuild(given.build_number);
  const path = `${model}/v${version}${build === undefined ? '' : `_b${build}`}.bin`;
  const answer = {
    success: true,
    filename,
    device_type: model,
    version,
    binary_path: path,
    file_size: file.sizeBytes,
    file_hash: file.sha256,
    build_number: inside?.build ?? null,
    raw_version: file.version ?? null,
    warnings: file.warnings,
    ...(signature === undefined ? {} : { signature }),
  };
  if (given.register !== 'true') {
    await uploads.keep({ path, model, version, filename }, file, signature, actor);
    return answer;
  }
  const facts = oneStep(given, { model, version, build: build ?? 1, filename, path });
  return { ...answer, ...toRecord(await releases.registerNew(facts, file, actor)) };
}

/** @throws OtaError `request-invalid`, `name-invalid` */
function requireNamed({ device_type: model, version }: Given): { model: string; version: string } {
  if (model === undefined || version === undefined)
    throw new OtaError('request-invalid', 'device_type and version are needed', {
      hint: 'curl -F "file=@firmware.bin" -F "device_type=…" -F "version=1.1.0" …',
    });
  requireName('device type', model);
  requireName('version', version);
  return { model, version };
}

function oneStep(
  given: Given,
  known: { model: string; version: string; build: number; filename: string; path: string },
): NewReleaseFacts {
  return {
    model: known.model,
    version: known.version,
    build: known.build,
    filename: known.filename,
    binaryPath: known.path,
    stable: given.is_stable === 'true',
    // Forms send empty fields, too.
    minVersion: given.min_current_version || undefined,
    description: given.description,
    releaseNotes: given.release_notes,
    signature: given.signature,
  };
}

/** For the description; forms hold texts. */
const formFields = {
  device_type: id,
  version,
  build_number: buildNumber,
  register: flag,
  is_stable: flag,
  min_current_version: version,
  description: longText,
  release_notes: longText,
  signature: { type: 'string' },
};

/** The same in the query; what is given twice is a list. */
const oneTextEach = {
  type: 'object',
  properties: Object.fromEntries(
    Object.keys(formFields).map((name) => [name, { type: 'string' }] as const),
  ),
} as const;
