import { randomBytes } from 'node:crypto';
import { OtaError } from '../../core/errors.ts';
import type { Catalog } from '../releases/catalog.ts';
import type { Store } from '../store/store.ts';
import type { TokenKind, TokenRow } from '../store/tables.ts';
import type { TokenFilter } from '../store/token-store.ts';
import type { Actor, Role } from './access.ts';
import type { Audit } from './audit.ts';
import { createTokenSigner, type TokenClaims } from './jwt.ts';

/** What a token shall be. */
export interface TokenOrder {
  readonly kind: TokenKind;
  readonly subject: string;
  /** Of a person. */
  readonly role?: Role | undefined;
  readonly ttlS: number;
}

/** Signed tokens for administrators and devices. */
export interface Tokens {
  /** @returns the token, which is shown this once, and what is kept of it */
  create(order: TokenOrder, actor: Actor): Promise<{ token: string; row: TokenRow }>;
  list(filter: TokenFilter): Promise<TokenRow[]>;
  /** @throws OtaError `token-unknown` */
  revoke(id: string, actor: Actor): Promise<void>;
  /** Everything that was issued to the subject until now. Says how many of the listed tokens that are. */
  revokeSubject(kind: TokenKind, subject: string, actor: Actor): Promise<number>;
  readAdmin(token: string): Promise<Actor | undefined>;
  /** The device that a token is for; `undefined` when the token is worth nothing. */
  readDevice(token: string): Promise<string | undefined>;
  /** Forgets tokens that expired long ago. */
  sweep(): Promise<void>;
}

export interface TokenParts {
  /** At least 16 characters; whoever knows it can make tokens. */
  readonly secret: string;
  readonly store: Store;
  readonly catalog: Catalog;
  readonly audit: Audit;
  now(): number;
}

/** How long a token is remembered after it expired: clocks of nodes differ, and are set. */
const rememberMs = 24 * 3600 * 1000;

export async function createTokens(parts: TokenParts): Promise<Tokens> {
  const { store, audit, catalog, now } = parts;
  const signer = await createTokenSigner(parts.secret, now);
  async function read(token: string, kind: TokenKind): Promise<TokenClaims | undefined> {
    const claims = await signer.read(token, kind);
    return claims === undefined || (await isRevoked(claims, parts)) ? undefined : claims;
  }
  return {
    async create({ kind, subject, role, ttlS }, actor) {
      const id = randomBytes(12).toString('hex');
      const nowS = Math.floor(now() / 1000);
      const times = { created_at: nowS * 1000, expires_at: (nowS + ttlS) * 1000, revoked_at: null };
      const row = { id, kind, subject, role: role ?? null, ...times };
      const data = {
        id,
        subject,
        kind,
        ...(role === undefined ? {} : { role }),
        ttl_seconds: ttlS,
      };
      await store.tokens.add(row, audit.entry('token_created', actor, { data }));
      // Never before what was revoked: the clock may have been set back since.
      const cutoffMs = (await store.tokens.cutoff(kind, subject)) ?? 0;
      const issuedAtS = Math.max(nowS, Math.floor(cutoffMs / 1000));
      const claims = { kind, subject, role, id, issuedAtS, expiresAtS: nowS + ttlS };
      return { token: await signer.sign(claims), row };
    },
    list: (filter) => store.tokens.list(filter, now()),
    async revoke(id, actor) {
      const row = await store.tokens.revoke(id, now(), ({ kind, subject }) =>
        audit.entry('token_revoked', actor, { data: { id, subject, kind } }),
      );
      if (row === undefined)
        throw new OtaError('token-unknown', `there is no token ${JSON.stringify(id)}`, {
          hint: 'List them: ota admin tokens list. One made elsewhere is revoked by its --subject.',
        });
      await catalog.reload();
    },
    async revokeSubject(kind, subject, actor) {
      const revoked = await store.tokens.revokeSubject(kind, subject, now(), (count) =>
        audit.entry('token_revoked', actor, { data: { subject, kind, revoked: count } }),
      );
      await catalog.reload();
      return revoked;
    },
    async readAdmin(token) {
      const { subject, role } = (await read(token, 'admin')) ?? {};
      return subject === undefined || role === undefined ? undefined : { name: subject, role };
    },
    readDevice: async (token) => (await read(token, 'device'))?.subject,
    sweep: async () => void (await store.tokens.sweep(now() - rememberMs)),
  };
}

/** From memory; by the database only when more is revoked than memory holds. */
async function isRevoked(
  claims: TokenClaims,
  { catalog, store }: Pick<TokenParts, 'catalog' | 'store'>,
): Promise<boolean> {
  const { kind, subject, id } = claims;
  const { revoked } = catalog.current();
  if (id !== undefined) {
    if (revoked.hasId(id)) return true;
    if (!revoked.complete && (await store.tokens.isRevoked(id))) return true;
  }
  const cutoffMs =
    revoked.cutoff(kind, subject) ??
    (revoked.complete ? undefined : await store.tokens.cutoff(kind, subject));
  return cutoffMs !== undefined && isCutOff(claims, cutoffMs);
}

/** `iat` counts seconds: in that of the cutoff itself, listed tokens go by their rows and others are revoked. */
function isCutOff({ id, issuedAtS }: TokenClaims, cutoffMs: number): boolean {
  if (issuedAtS === undefined) return true;
  const [issuedS, cutoffS] = [Math.floor(issuedAtS), Math.floor(cutoffMs / 1000)];
  return id === undefined ? issuedS <= cutoffS : issuedS < cutoffS;
}

/** @throws OtaError `service-config-invalid` when a secret could be guessed */
export function requireStrongSecret(secret: string, name: string): string {
  if (secret.length >= 16) return secret;
  throw new OtaError('service-config-invalid', `${name} has ${secret.length} characters, not 16`, {
    hint: 'Make one with: openssl rand -hex 32',
  });
}
