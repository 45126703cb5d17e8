import { OtaError } from '../core/errors.ts';
import type { Actor, Role } from './access.ts';

const issuer = 'esp-ota-toolkit';

/** Signed tokens (JWT, HS256) for administrators and devices. */
export interface Tokens {
  createAdmin(name: string, role: Role, ttlS: number): Promise<string>;
  createDevice(deviceId: string, ttlS: number): Promise<string>;
  readAdmin(token: string): Promise<Actor | undefined>;
  /** The device that a token is for; `undefined` when the token is worth nothing. */
  readDevice(token: string): Promise<string | undefined>;
}

/** @param secret at least 32 characters; whoever knows it can make tokens */
export async function createTokens(secret: string, now: () => number): Promise<Tokens> {
  const { jwtVerify, SignJWT } = await import('jose');
  const key = new TextEncoder().encode(secret);
  async function create(
    audience: string,
    subject: string,
    claims: Record<string, string>,
    ttlS: number,
  ): Promise<string> {
    const nowS = Math.floor(now() / 1000);
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(subject)
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + ttlS)
      .sign(key);
  }
  async function read(token: string, audience: string) {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ['HS256'], // and so never `none`
        issuer,
        audience,
        currentDate: new Date(now()),
        requiredClaims: ['sub', 'exp'],
      });
      return payload;
    } catch {
      return;
    }
  }
  return {
    createAdmin: (name, role, ttlS) => create('admin', name, { role }, ttlS),
    createDevice: (deviceId, ttlS) => create('device', deviceId, {}, ttlS),
    async readAdmin(token) {
      const payload = await read(token, 'admin');
      const role = payload?.role;
      if (payload?.sub === undefined) return;
      if (role !== 'viewer' && role !== 'publisher' && role !== 'admin') return;
      return { name: payload.sub, role };
    },
    readDevice: async (token) => (await read(token, 'device'))?.sub,
  };
}

/** @throws OtaError `service-config-invalid` when a secret could be guessed */
export function requireStrongSecret(secret: string, name: string): string {
  if (secret.length >= 16) return secret;
  throw new OtaError('service-config-invalid', `${name} has ${secret.length} characters, not 16`, {
    hint: 'Make one with: openssl rand -hex 32',
  });
}
