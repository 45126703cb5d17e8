import type { FastifyReply, FastifyServerOptions } from 'fastify';
import type { ServiceSettings } from '../service.ts';
import { answerRouterError } from './answers.ts';
import { parseProxies } from './proxies.ts';

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

/** What Fastify and the server under it are set to. */
export function serverOptions(
  { trustedProxies }: ServiceSettings,
  { logger, https, patience = standardPatience }: AppOptions,
): FastifyServerOptions {
  const { headersMs, requestMs, idleMs, roundMs } = patience;
  const server = { headersTimeout: headersMs, connectionsCheckingInterval: roundMs };
  return {
    logger: logger ?? false,
    bodyLimit: bodyLimitBytes,
    requestTimeout: requestMs,
    connectionTimeout: idleMs,
    keepAliveTimeout: 72_000,
    forceCloseConnections: 'idle',
    trustProxy: trustedProxies.length === 0 ? false : parseProxies(trustedProxies),
    genReqId: (request) => requestId(request.headers['x-request-id']),
    frameworkErrors: (error, _request, reply) => answerRouterError(error, reply as FastifyReply),
    routerOptions: { maxParamLength: 300 },
    ajv: { customOptions: { coerceTypes: true, removeAdditional: false, allErrors: true } },
    ...(https === undefined
      ? { http: server }
      : { https: { ...https, ...server, handshakeTimeout: headersMs } }),
  } as FastifyServerOptions;
}

/** A caller's id is kept when it is harmless: it goes into logs and a header. */
function requestId(given: string | string[] | undefined): string {
  if (typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given)) return given;
  return crypto.randomUUID();
}
