import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { OtaError } from '../../core/errors.ts';
import {
  formatAudience,
  longestAudienceText,
  parseAudience,
} from '../../core/fleet/offers/audience-text.ts';
import type { Audience } from '../../core/fleet/offers/rollout-audience.ts';
import type { Actor } from '../access/access.ts';
import { requireStorable } from '../http/texts.ts';
import { parseImageVersion } from '../releases/inspect-upload.ts';
import type { TakenFile } from '../releases/releases.ts';
import type { Rollouts } from '../releases/rollouts.ts';
import type { Service } from '../service.ts';
import { buildNumber, bytesBody, flag, id, keyed, version } from './schemas.ts';

interface PublishQuery {
  model?: string;
  version?: string;
  build?: number;
  min_version?: string;
  stable: boolean;
  rollout?: string;
}

type PublishRequest = FastifyRequest<{
  Querystring: PublishQuery;
  Params: { filename?: string };
}>;

/** The publisher's door: one request with the bare firmware, as `ota deploy --transport https` sends it. */
export function publisherRoutes(app: FastifyInstance, { service }: { service: Service }): void {
  for (const url of ['/api/v1/firmware', '/api/v1/firmware/:filename']) {
    app.route<{ Querystring: PublishQuery; Params: { filename?: string }; Body: Readable }>({
      method: ['PUT', 'POST'],
      url,
      schema: publishSchema,
      config: { file: bytesBody },
      async handler(request, reply) {
        const actor = await service.access.require(request.headers, 'publisher');
        if (typeof request.body?.pipe !== 'function')
          throw new OtaError('request-invalid', 'there is no firmware in the request', {
            hint: 'Send it as application/octet-stream.',
          });
        const { rollout: wish } = request.query;
        const audience = wish === undefined ? undefined : parseAudience(wish);
        const file = await service.releases.take(request.body);
        try {
          requireDigests(request, file);
          const { created, ...answer } = await publish(service, request, file, { actor, audience });
          return reply.code(created ? 201 : 200).send(answer);
        } finally {
          await file.discard();
        }
      },
    });
  }
}

async function publish(
  { releases, rollouts }: Service,
  request: PublishRequest,
  file: TakenFile,
  { actor, audience }: { actor: Actor; audience: Audience | undefined },
) {
  const { release, created } = await releases.register(factsOf(request, file), file, actor);
  const started =
    audience === undefined ? undefined : await rollouts.start(release, audience, actor);
  return {
    created,
    status: created ? 'created' : 'unchanged',
    id: release.id,
    model: release.model,
    version: release.version,
    build: release.build,
    size: release.size,
    sha256: release.sha256,
    ...showRollout(started),
    warnings: file.warnings,
  };
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

function factsOf(request: PublishRequest, file: TakenFile) {
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

/** A list of devices may be long; what it was is known to who asked. */
const shownAudience = 500;

function showRollout(started: Awaited<ReturnType<Rollouts['start']>> | undefined) {
  if (started === undefined) return { rollout: null };
  const { row, outcome } = started;
  const audience = formatAudience(JSON.parse(row.audience) as Audience);
  const isLong = audience.length > shownAudience;
  return {
    rollout: row.name,
    rollout_outcome: outcome,
    rollout_state: row.state,
    rollout_audience: isLong ? `${audience.slice(0, shownAudience)}…` : audience,
  };
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
      rollout: { type: 'string', maxLength: longestAudienceText },
    },
  },
} as const;
