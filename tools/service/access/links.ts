import { createHmac } from 'node:crypto';
import { OtaError } from '../../core/errors.ts';
import { isSameHash } from './access.ts';

/** Download addresses that are good for one device and a short time (seed 004). */
export interface Links {
  /** The query that makes an address valid: `device_id=…&expires=…&sig=…`. */
  sign(releaseId: number, deviceId: string): string;
  /** @throws OtaError `link-invalid` */
  verify(releaseId: number, query: LinkQuery): void;
}

export interface LinkQuery {
  readonly device_id?: string | undefined;
  readonly expires?: string | undefined;
  readonly sig?: string | undefined;
}

/** HMAC-SHA256 (hex) over `firmware_id:device_id:expires`, as seed 004 has it. */
export function signLink(
  secret: string,
  releaseId: number,
  deviceId: string,
  expiresS: number,
): string {
  return createHmac('sha256', secret).update(`${releaseId}:${deviceId}:${expiresS}`).digest('hex');
}

export function createLinks(secret: string, ttlS: number, now: () => number): Links {
  return {
    sign(releaseId, deviceId) {
      const expiresS = Math.floor(now() / 1000) + ttlS;
      const sig = signLink(secret, releaseId, deviceId, expiresS);
      return `device_id=${encodeURIComponent(deviceId)}&expires=${expiresS}&sig=${sig}`;
    },
    verify(releaseId, { device_id: deviceId, expires, sig }) {
      if (deviceId === undefined || expires === undefined || sig === undefined)
        throw invalid('the address is not signed');
      const expiresS = /^\d{1,12}$/.test(expires) ? Number(expires) : 0;
      if (!isSameHash(sig, signLink(secret, releaseId, deviceId, expiresS)))
        throw invalid('the signature of the address is wrong');
      if (expiresS * 1000 < now()) throw invalid('the address has expired');
    },
  };
}

function invalid(message: string): OtaError {
  return new OtaError('link-invalid', message, {
    hint: 'Check for an update again: the answer has a fresh one.',
  });
}
