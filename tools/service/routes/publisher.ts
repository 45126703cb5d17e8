import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { OtaError } from '../../core/errors.ts';
import type { Audience } from '../../core/fleet/rollout-audience.ts';
import { parseImageVersion } from '../inspect-upload.ts';
import type { TakenFile } from '../releases.ts';
import type { Service } from '../service.ts';
import type { ReleaseRow } from '../store/tables.ts';
import { requireStorable } from '../texts.ts';
import { buildNumber, flag, id, keyed, version } from './schemas.ts';

interface PublishQuery {
  model?: string;
  version?: string;
  build?: number;
  min_version?: string;
  stable: boolean;
  rollout?: string;
}

/** The publisher's door: one request with the bare firmware, as `ota deploy --transport https` sends it. */
export function publisherRoutes(app: FastifyInstance, { service }: { service: Service }): void {
  for (const url of ['/api/v1/firmware', '/api/v1/firmware/:filename']) {
    app.route<{ Querystring: PublishQuery; Params: { filename?: string }; Body: Readable }>({
      method: ['PUT', 'POST'],
      url,
      schema: publishSchema,
      async handler(request, reply) {
        const actor = await service.access.require(request.headers, 'publisher');
        if (typeof request.body?.pipe !== 'function')
          throw new OtaError('request-invalid', 'there is no firmware in the request', {
            hint: 'Send it as application/octet-stream.',
          });
        const file = await service.releases.take(request.body);
        requireDigests(request, file);
        const facts = factsOf(request, file);
        const { release, created } = await service.releases.register(facts, file, actor);
        const { rollout } = request.query;
        const plan = rollout === undefined ? undefined : parseRollout(rollout);
        const started =
          plan === undefined ? undefined : await startRollout(service, release, plan, actor);
        return reply.code(created ? 201 : 200).send({
          status: created ? 'created' : 'unchanged',
          id: release.id,
          model: release.model,
          version: release.version,
          build: release.build,
          size: release.size,
          sha256: release.sha256,
          rollout: started ?? null,
          warnings: file.warnings,
        });
      },
    });
  }
}

/** What the sender says it sent must be what arrived. */
function requireDigests({ headers }: FastifyRequest, file: TakenFile): void {
  const plain = headers['x-checksum-sha256'];
  if (typeof plain === 'string' && plain.toLowerCase() !== file.sha256)
    throw mismatch('X-Checksum-SHA256', plain, file.sha256);
  for (const name of ['content-digest', 'repr-digest', 'digest']) {
    const value = [headers[name]].flat()[0];
    // RFC 9530 §2: `sha-256=:base64:`; RFC 3230: `SHA-256=base64`.
    const digest = /sha-256=:?([A-Za-z0-9+/]+={0,2}):?/i.exec(value ?? '')?.[1];
    if (digest === undefined) continue;
    const hex = Buffer.from(digest, 'base64').toString('hex');
    if (hex !== file.sha256) throw mismatch(name, hex, file.sha256);
  }
}

function mismatch(what: string, declared: string, arrived: string): OtaError {
  return new OtaError('upload-mismatch', `${what} says ${declared}, arrived is ${arrived}`, {
    hint: 'The file changed on the way, or while it was sent: send it again.',
  });
}

function factsOf(
  request: FastifyRequest<{ Querystring: PublishQuery; Params: { filename?: string } }>,
  file: TakenFile,
) {
  const { query, headers, params } = request;
  const header = (name: string): string | undefined => {
    const value = [headers[name]].flat()[0];
    if (value === undefined) return;
    const text = decode(value);
    requireStorable(`the header ${name}`, text);
    return text;
  };
  const inside = file.version === undefined ? undefined : parseImageVersion(file.version);
  const model = query.model ?? header('x-firmware-model') ?? header('x-device-model') ?? file.chip;
  const declared = query.version ?? header('x-firmware-version') ?? inside?.version;
  if (model === undefined || declared === undefined)
    throw new OtaError('request-invalid', 'the request does not say model and version', {
      hint: 'Add ?model=…&version=… to the URL, or the headers X-Firmware-Model and X-Firmware-Version.',
    });
  return {
    model,
    version: declared,
    build: query.build ?? inside?.build ?? 0,
    filename: params.filename ?? `${model}-${declared}.bin`,
    minVersion: query.min_version,
    stable: query.stable,
    signature: header('x-firmware-signature'),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * `all`, `canary:10`, `group:a,b`, `group:a,b:25`, `specific:d1,d2`.
 *
 * @throws OtaError `request-invalid`
 */
export function parseRollout(text: string): Audience {
  const [kind = '', first = '', second = '100'] = text.split(':');
  const list = first.split(',').filter((item) => item !== '');
  const percent = (value: string): number => {
    if (/^\d{1,3}$/.test(value) && Number(value) <= 100) return Number(value);
    throw badRollout(text);
  };
  if (kind === 'all' && first === '') return { kind, percentage: 100 };
  if (kind === 'all' || kind === 'canary') return { kind, percentage: percent(first) };
  if (kind === 'group' && list.length > 0)
    return { kind: 'groups', groups: list, percentage: percent(second) };
  if (kind === 'specific' && list.length > 0) return { kind, deviceIds: list };
  throw badRollout(text);
}

function badRollout(text: string): OtaError {
  return new OtaError('request-invalid', `rollout ${JSON.stringify(text)} is not understood`, {
    hint: 'Use all, canary:10, group:a,b:25 or specific:id1,id2.',
  });
}

/** Publishing the same again leaves the rollout as it is: somebody may have raised or paused it meanwhile. */
async function startRollout(
  { catalog, rollouts }: Service,
  release: ReleaseRow,
  audience: Audience,
  actor: Parameters<Service['rollouts']['create']>[1],
): Promise<string> {
  const build = release.build === 0 ? '' : `-b${release.build}`;
  const name = `${release.model}-${release.version}${build}`;
  if (catalog.current().rolloutRow(name) === undefined)
    await rollouts.create({ name, release, audience, running: true }, actor);
  return name;
}

const publishSchema = {
  tags: ['releases'],
  summary: 'Publish a release: the bare firmware as body',
  security: keyed,
  querystring: {
    type: 'object',
    properties: {
      model: id,
      version,
      build: buildNumber,
      min_version: version,
      stable: { ...flag, default: false },
      rollout: { type: 'string', maxLength: 4000 },
    },
  },
} as const;
