import { passwordMissing } from '../lan/failures.ts';
import { answerChallenge, hexLength, type PasswordHash } from './auth.ts';
import { explainUnexpected } from './failures.ts';
import { response } from './protocol.ts';
import type { SessionSteps } from './steps.ts';
import { readAnswer, readBytes, send, type Talk } from './talk.ts';

const challenges = new Map<number, PasswordHash>([
  [response.REQUEST_AUTH, 'md5'],
  [response.REQUEST_SHA256_AUTH, 'sha256'],
]);

/** The password challenge, when the device makes one. Tells which hash it wanted. */
export function* authenticate(
  talk: Talk,
  password: string | undefined,
  random: (sizeBytes: number) => Uint8Array,
): SessionSteps<'none' | PasswordHash> {
  // In an encrypted session the key is the authentication: no challenge may follow.
  const allowed = talk.phase === 'encryption' ? [] : challenges.keys();
  const answer = yield* readAnswer(talk, response.AUTH_OK, ...allowed);
  talk.phase = 'authentication';
  const hash = challenges.get(answer);
  if (hash === undefined) return 'none';

  const nonce = Buffer.from(yield* readBytes(talk, hexLength[hash])).toString('latin1');
  if (!/^[0-9a-f]+$/i.test(nonce))
    throw explainUnexpected('a challenge that is not hex', talk.phase);
  if (password === undefined) throw passwordMissing();
  const clientNonce = Buffer.from(random(hexLength[hash] / 2)).toString('hex');
  const answerText = clientNonce + answerChallenge(hash, password, nonce, clientNonce);
  yield send(talk, Buffer.from(answerText, 'ascii'));
  yield* readAnswer(talk, response.AUTH_OK);
  return hash;
}
