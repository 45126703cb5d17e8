import { createHash } from 'node:crypto';

export type PasswordHash = 'md5' | 'sha256';

/** Length of a nonce and of a response in characters: the hash in hex. */
export const hexLength = { md5: 32, sha256: 64 } as const satisfies Record<PasswordHash, number>;

/**
 * The answer to a device's password challenge: the hash, in lowercase hex, of password, nonce and client
 * nonce written one after the other. The nonces are hashed as the text they travel as, not as decoded bytes.
 */
export function answerChallenge(
  hash: PasswordHash,
  password: string,
  nonce: string,
  clientNonce: string,
): string {
  return createHash(hash).update(password, 'utf8').update(nonce).update(clientNonce).digest('hex');
}
