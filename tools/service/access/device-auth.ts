import { createHmac } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';
import type { IsTrusted } from '../http/proxies.ts';
import type { Snapshot } from '../releases/catalog.ts';
import { bearerOf, isSameHash, unauthorized } from './access.ts';
import type { Tokens } from './tokens.ts';

/** How devices of a model show who they are. */
export const deviceAuthModes = ['open', 'token', 'hmac', 'mtls'] as const;
export type DeviceAuthMode = (typeof deviceAuthModes)[number];

export interface DeviceAuth {
  /** @throws OtaError `unauthorized` unless the request comes from this device */
  require(
    request: FastifyRequest,
    deviceId: string,
    model: string,
    catalog: Snapshot,
  ): Promise<void>;
  /** The key with which a device signs its requests (mode `hmac`). */
  deviceKey(deviceId: string): string;
}

/** A signed request is good for this long before and after its own time. */
const clockSkewMs = 5 * 60 * 1000;

/** @param isTrusted whose `X-Client-CN` header is believed */
export function createDeviceAuth(
  tokens: Tokens,
  secret: string,
  isTrusted: IsTrusted,
  now: () => number,
): DeviceAuth {
  const deviceKey = (deviceId: string): string =>
    createHmac('sha256', secret).update(`device-key:${deviceId}`).digest('hex');
  return {
    deviceKey,
    async require(request, deviceId, model, catalog) {
      switch (catalog.model(model).auth as DeviceAuthMode) {
        case 'open':
          return;
        case 'token': {
          const token = bearerOf(request.headers);
          const subject = token === undefined ? undefined : await tokens.readDevice(token);
          if (subject !== deviceId) throw unauthorized(`device ${deviceId} needs its token`);
          return;
        }
        case 'hmac':
          if (!isSigned(request, deviceKey(deviceId), now()))
            throw unauthorized(`the request of device ${deviceId} is not signed with its key`);
          return;
        case 'mtls':
          if (certificateName(request, isTrusted) !== deviceId)
            throw unauthorized(`device ${deviceId} needs its client certificate`);
      }
    },
  };
}

/** `X-Device-Signature: <unix seconds>:<hex HMAC-SHA256 of "seconds\nMETHOD\npath and query\nbody">` */
function isSigned(request: FastifyRequest, key: string, nowMs: number): boolean {
  const header = request.headers['x-device-signature'];
  const [, seconds, signature] = /^(\d{1,12}):([0-9a-f]{64})$/.exec(String(header)) ?? [];
  if (seconds === undefined || signature === undefined) return false;
  if (Math.abs(Number(seconds) * 1000 - nowMs) > clockSkewMs) return false;
  const text = `${seconds}\n${request.method}\n${request.url}\n${request.rawBody ?? ''}`;
  return isSameHash(signature, createHmac('sha256', key).update(text).digest('hex'));
}

function certificateName(request: FastifyRequest, isTrusted: IsTrusted): string | undefined {
  const socket = request.raw.socket as Partial<TLSSocket>;
  if (socket.authorized === true) {
    const name = socket.getPeerCertificate?.().subject?.CN;
    // Two names: which one did the authority look at?
    return Array.isArray(name) ? undefined : name;
  }
  const header = request.headers['x-client-cn'];
  if (typeof header !== 'string' || !isTrusted(request.raw.socket.remoteAddress ?? '')) return;
  return header;
}
