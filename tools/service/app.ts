import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyServerOptions,
} from 'fastify';
import { OtaError } from '../core/errors.ts';
import { registerLimits } from './limits.ts';
import { createMetrics } from './metrics.ts';
import { toProblem } from './problems.ts';
import { parseProxies } from './proxies.ts';
import { adminRoutes } from './routes/admin.ts';
import { deviceRoutes } from './routes/devices.ts';
import { modelRoutes } from './routes/models.ts';
import { publisherRoutes } from './routes/publisher.ts';
import type { FileBody } from './routes/schemas.ts';
import { seed003AdminRoutes } from './routes/seed-003-admin.ts';
import { seed003DeviceRoutes } from './routes/seed-003-device.ts';
import { seed004AdminRoutes } from './routes/seed-004-admin.ts';
import { seed004DeviceRoutes } from './routes/seed-004-device.ts';
import { systemRoutes } from './routes/system.ts';
import { tokenRoutes } from './routes/tokens.ts';
import type { Service } from './service.ts';
import { requireStorableRequest } from './texts.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The body as it came, for signatures over it. */
    rawBody?: string;
  }
  interface FastifyContextConfig {
    /** Errors look as the clients of a seed expect them. */
    seed?: boolean;
    /** A body that is not JSON, for the description: the schema of a request would be checked. */
    file?: FileBody;
  }
}

export interface AppOptions {
  readonly logger?: FastifyServerOptions['logger'];
  readonly https?: object | undefined;
  readonly patience?: Patience;
}

/** How long slow clients are waited for, in milliseconds. */
export interface Patience {
  readonly headersMs: number;
  /** For the whole of a request, its body included. */
  readonly requestMs: number;
  /** Nothing moves, in either direction: a download may be slow, but not stand still. */
  readonly idleMs: number;
  /** How often the first two are looked at. */
  readonly roundMs: number;
}

const standardPatience: Patience = {
  headersMs: 30_000,
  requestMs: 5 * 60_000,
  idleMs: 2 * 60_000,
  roundMs: 10_000,
};

/** Bodies of requests that are not uploads. */
const bodyLimitBytes = 256 * 1024;

/** The web application: routes, errors, limits; it listens nowhere yet. */
export async function createApp(service: Service, options: AppOptions): Promise<FastifyInstance> {
  const { headersMs, requestMs, idleMs, roundMs } = options.patience ?? standardPatience;
  const proxies = service.settings.trustedProxies;
  const server = { headersTimeout: headersMs, connectionsCheckingInterval: roundMs };
  const app = Fastify({
    logger: options.logger ?? false,
    bodyLimit: bodyLimitBytes,
    requestTimeout: requestMs,
    connectionTimeout: idleMs,
    keepAliveTimeout: 72_000,
    forceCloseConnections: 'idle',
    trustProxy: proxies.length === 0 ? false : parseProxies(proxies),
    genReqId: (request) => requestId(request.headers['x-request-id']),
    frameworkErrors: (error, _request, reply) => answerRouterError(error, reply as FastifyReply),
    routerOptions: { maxParamLength: 300 },
    ajv: { customOptions: { coerceTypes: true, removeAdditional: false, allErrors: true } },
    ...(options.https === undefined
      ? { http: server }
      : { https: { ...options.https, ...server, handshakeTimeout: headersMs } }),
  } as FastifyServerOptions) as unknown as FastifyInstance;
  readBodies(app);
  answerErrors(app);
  app.addHook('preValidation', async (request) => requireStorableRequest(request));
  app.addHook('onSend', async (request, reply) => {
    reply.header('x-request-id', request.id);
    reply.header('x-content-type-options', 'nosniff');
  });
  readAway(app, service.settings.maxUploadBytes);
  await app.register(import('@fastify/multipart'), {
    throwFileSizeLimit: false,
    limits: {
      files: 1,
      fields: 30,
      fieldSize: 64 * 1024,
      fileSize: service.settings.maxUploadBytes + 1,
    },
  });
  await registerLimits(app, service.settings);
  const metrics = createMetrics(app, service);
  await app.register(import('@fastify/swagger'), { openapi: openapiHead, transform: describeFile });
  const routes = [
    seed003DeviceRoutes,
    seed003AdminRoutes,
    publisherRoutes,
    deviceRoutes,
    adminRoutes,
    tokenRoutes,
    modelRoutes,
  ];
  for (const add of routes) add(app, { service });
  for (const prefix of ['/api/ota', '/ota']) addSeed004(app, service, prefix);
  systemRoutes(app, { service, metrics });
  return app;
}

function addSeed004(app: FastifyInstance, service: Service, prefix: string): void {
  app.register(
    (scope, _options, done) => {
      seed004DeviceRoutes(scope, { service, prefix });
      done();
    },
    { prefix },
  );
  app.register(
    (scope, _options, done) => {
      seed004AdminRoutes(scope, { service });
      done();
    },
    { prefix: `${prefix}/admin` },
  );
}

/** Puts the bodies that are read as streams into the description. */
const describeFile: NonNullable<FastifyDynamicSwaggerOptions['transform']> = ({
  schema,
  url,
  route,
}) => {
  const { file } = route.config ?? {};
  return { url, schema: file === undefined ? schema : { ...schema, ...file } };
};

const openapiHead = {
  info: {
    title: 'OTA service',
    description: 'Releases, rollouts and the truth about devices.',
    version: '1',
  },
  components: {
    securitySchemes: {
      key: { type: 'apiKey' as const, in: 'header' as const, name: 'X-API-Key' },
      bearer: { type: 'http' as const, scheme: 'bearer' },
    },
  },
};

/** A caller's id is kept when it is harmless: it goes into logs and a header. */
function requestId(given: string | string[] | undefined): string {
  if (typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given)) return given;
  return crypto.randomUUID();
}

function readBodies(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    request.rawBody = String(body);
    return parseJson(request, String(body), done);
  });
  // Firmware is taken as a stream, whatever it is called.
  for (const type of ['application/octet-stream', 'application/x-binary'])
    app.addContentTypeParser(type, (_request, payload, done) => done(null, payload));
}

/**
 * What is left of a body after the answer would stand before the next request of the connection: it is read away. Cutting
 * the connection instead could cost the client the answer; that happens to one who does not stop.
 */
function readAway(app: FastifyInstance, mostBytes: number): void {
  app.addHook('onResponse', async ({ raw }) => {
    if (raw.complete || raw.destroyed) return;
    let left = mostBytes;
    raw.unpipe();
    raw.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) raw.destroy();
    });
    raw.resume();
  });
}

function answerErrors(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => {
    const problem = toProblem(error, request.routeOptions.config.seed === true);
    if (problem.status >= 500) request.log.error({ err: error }, 'request failed');
    reply.header('cache-control', 'no-store');
    if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
    if (problem.status === 503) reply.header('retry-after', '5');
    if (request.retryAfterS !== undefined) reply.header('retry-after', request.retryAfterS);
    return reply.code(problem.status).type('application/problem+json').send(problem);
  });
  app.setNotFoundHandler((request) => {
    throw new OtaError(
      'not-found',
      `there is nothing at ${request.method} ${pathOf(request.url)}`,
      {
        hint: 'GET /docs lists what there is.',
      },
    );
  });
}

/** An address that the router cannot read; it is not repeated, whatever it holds. */
function answerRouterError({ statusCode = 400 }: FastifyError, reply: FastifyReply): void {
  const error = Object.assign(new Error('the address is too long or not encoded well'), {
    statusCode,
  });
  reply.code(statusCode).type('application/problem+json').send(toProblem(error, false));
}

function pathOf(url: string): string {
  return url.split('?')[0] ?? url;
}
