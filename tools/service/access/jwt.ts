import type { TokenKind } from '../store/tables.ts';
import type { Role } from './access.ts';

const issuer = 'esp-ota-toolkit';

/** What a token says. */
export interface TokenClaims {
  readonly kind: TokenKind;
  readonly subject: string;
  /** Of a person. */
  readonly role?: Role | undefined;
  /** Absent from tokens that others made with the same secret. */
  readonly id?: string | undefined;
  readonly issuedAtS?: number | undefined;
  readonly expiresAtS: number;
}

/** Makes and reads JSON Web Tokens (RFC 7519) with HS256. */
export interface TokenSigner {
  sign(claims: TokenClaims): Promise<string>;
  /** `undefined` when the token is worth nothing, or is of the other kind. */
  read(token: string, kind: TokenKind): Promise<TokenClaims | undefined>;
}

/** @param secret whoever knows it can make tokens */
export async function createTokenSigner(secret: string, now: () => number): Promise<TokenSigner> {
  const { jwtVerify, SignJWT } = await import('jose');
  const key = new TextEncoder().encode(secret);
  return {
    sign({ kind, subject, role, id, issuedAtS, expiresAtS }) {
      const token = new SignJWT(role === undefined ? {} : { role })
        .setProtectedHeader({ alg: 'HS256' })
        .setIssuer(issuer)
        .setAudience(kind)
        .setSubject(subject)
        .setExpirationTime(expiresAtS);
      if (issuedAtS !== undefined) token.setIssuedAt(issuedAtS);
      if (id !== undefined) token.setJti(id);
      return token.sign(key);
    },
    async read(token, kind) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: ['HS256'], // and so never `none`
          issuer,
          audience: kind,
          currentDate: new Date(now()),
          requiredClaims: ['sub', 'exp'],
        });
        const { sub, exp, iat, jti, role } = payload;
        if (sub === undefined || exp === undefined) return;
        return {
          kind,
          subject: sub,
          role: isRole(role) ? role : undefined,
          id: jti,
          issuedAtS: iat,
          expiresAtS: exp,
        };
      } catch {
        return;
      }
    },
  };
}

function isRole(value: unknown): value is Role {
  return value === 'viewer' || value === 'publisher' || value === 'admin';
}
