import type { FastifyInstance, FastifyRequest } from 'fastify';
import { OtaError } from '../../core/errors.ts';
import type { ServiceSettings } from '../service.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** @throws OtaError `rate-limited` when this device asks too often */
    limitDevice(request: FastifyRequest, deviceId: string): Promise<void>;
  }
  interface FastifyRequest {
    /** Set when the request came too early: when another one may come. */
    retryAfterS?: number;
  }
}

/** Counts are remembered for this many devices and addresses. */
const remembered = 50_000;

/** A device that is stuck in a loop, and an address that guesses keys, cost little. */
export async function registerLimits(
  app: FastifyInstance,
  settings: ServiceSettings,
): Promise<void> {
  const unlimited = Number.MAX_SAFE_INTEGER;
  await app.register(import('@fastify/rate-limit'), {
    global: settings.addressRateLimit > 0,
    max: settings.addressRateLimit > 0 ? settings.addressRateLimit : unlimited,
    timeWindow: '1 minute',
    cache: remembered,
    errorResponseBuilder: (_request, context) => limited('this address', context.max),
  });
  const ids = new WeakMap<FastifyRequest, string>();
  const check = app.createRateLimit({
    max: settings.deviceRateLimit,
    timeWindow: '1 minute',
    keyGenerator: (request) => `device:${ids.get(request)}`,
  });
  app.decorate('limitDevice', async (request, deviceId) => {
    if (settings.deviceRateLimit === 0) return;
    ids.set(request, deviceId);
    const result = await check(request);
    if (result.isAllowed || !result.isExceeded) return;
    request.retryAfterS = result.ttlInSeconds;
    throw limited(`device ${deviceId}`, result.max);
  });
}

function limited(who: string, max: number): OtaError {
  return new OtaError('rate-limited', `${who} sends more than ${max} requests a minute`, {
    hint: 'Wait a minute, then ask less often.',
  });
}
