import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { OtaError } from '../../core/errors.ts';
import type { Catalog } from '../releases/catalog.ts';
import type { KeyRow } from '../store/tables.ts';
import type { Tokens } from './tokens.ts';

export const roles = ['viewer', 'publisher', 'admin'] as const;
export type Role = (typeof roles)[number];

/** Somebody who has shown a valid key or token. */
export interface Actor {
  readonly name: string;
  readonly role: Role;
}

/** Says who is asking. Fails closed: without keys nobody is let in. */
export interface Access {
  /**
   * @throws OtaError `unauthorized` without valid credentials, `forbidden` when they do not suffice
   */
  require(headers: IncomingHttpHeaders, role: Role): Promise<Actor>;
}

/** @param environmentKey an administrator's key from the environment (`API_KEY` of seed 003) */
export function createAccess(
  catalog: Catalog,
  tokens: Tokens,
  environmentKey: string | undefined,
  now: () => number,
): Access {
  const environmentHash = environmentKey === undefined ? undefined : hashKey(environmentKey);
  function actorOfKey(presented: string): Actor | undefined {
    const hash = hashKey(presented);
    let actor: Actor | undefined;
    if (environmentHash !== undefined && isSameHash(hash, environmentHash))
      actor = { name: 'environment', role: 'admin' };
    for (const key of catalog.current().keys) {
      // Every key is compared, so that the time tells nothing.
      if (isSameHash(hash, key.hash) && isValidKey(key, now()))
        actor ??= { name: key.name, role: key.role as Role };
    }
    return actor;
  }
  async function identify(headers: IncomingHttpHeaders): Promise<Actor | undefined> {
    const key = headers['x-api-key'] ?? headers['x-admin-token'];
    if (typeof key === 'string') return actorOfKey(key);
    const bearer = bearerOf(headers);
    if (bearer === undefined) return;
    return looksLikeToken(bearer) ? tokens.readAdmin(bearer) : actorOfKey(bearer);
  }
  return {
    async require(headers, role) {
      // Another node may have made or revoked a key or token a moment ago.
      await catalog.refresh();
      const actor = await identify(headers);
      if (actor === undefined) throw unauthorized();
      if (roles.indexOf(actor.role) >= roles.indexOf(role)) return actor;
      throw new OtaError(
        'forbidden',
        `key ${actor.name} is a ${actor.role}; this takes a ${role}`,
        {
          hint: `Use a key with the role ${role}: ota admin keys create --role ${role}.`,
        },
      );
    },
  };
}

/** Whether a key lets anybody in. */
export function isValidKey(
  { revoked_at, expires_at }: Pick<KeyRow, 'revoked_at' | 'expires_at'>,
  nowMs: number,
): boolean {
  return revoked_at === null && (expires_at === null || expires_at > nowMs);
}

/** SHA-256 is enough: keys are random and long, not chosen by people. */
export function hashKey(key: string): string {
  return createHash('sha256').update(key, 'utf8').digest('hex');
}

/** Compares without telling by time where two texts differ. */
export function isSameHash(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** RFC 6750 §2.1 */
export function bearerOf(headers: IncomingHttpHeaders): string | undefined {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
}

/** Whether a bearer is a signed token (three parts) rather than a key. */
export function looksLikeToken(text: string): boolean {
  return text.split('.').length === 3;
}

export function unauthorized(detail = 'a valid key or token is needed'): OtaError {
  return new OtaError('unauthorized', detail, {
    hint: 'Send X-API-Key, or Authorization: Bearer with a key or token.',
  });
}
