import { explainRefusal, explainUnexpected, frameInvalid, toHex } from './failures.ts';
import type { Inbox } from './inbox.ts';
import type { Link } from './link.ts';
import { firstErrorResponse } from './protocol.ts';
import type { Phase, SessionStep, SessionSteps } from './steps.ts';

/** What the parts of one session share and change. */
export interface Talk {
  phase: Phase;
  link: Link;
  deliveredBytes: number;
  /** Bytes as they arrived. */
  readonly wire: Inbox;
}

/** Sends units of the protocol, one field each, in one write. */
export function send(talk: Talk, ...units: readonly Uint8Array[]): SessionStep {
  const wrapped = units.map((unit) => talk.link.wrap(unit));
  const [only] = wrapped;
  const bytes = wrapped.length === 1 && only !== undefined ? only : Buffer.concat(wrapped);
  return { kind: 'send', bytes };
}

/** The next `count` bytes of the session, waiting for them. */
export function* readBytes(talk: Talk, count: number): SessionSteps<Uint8Array> {
  for (;;) {
    const bytes = takeBytes(talk, count);
    if (bytes !== undefined) return bytes;
    yield { kind: 'wait' };
  }
}

/** The next answer, which must be one of these. Throws what an error answer means. */
export function* readAnswer(talk: Talk, ...allowed: readonly number[]): SessionSteps<number> {
  const [answer = 0] = yield* readBytes(talk, 1);
  return checkAnswer(talk, answer, allowed);
}

/** The next answer if one has arrived, which must be one of these. */
export function takeAnswer(talk: Talk, ...allowed: readonly number[]): number | undefined {
  const answer = takeBytes(talk, 1)?.[0];
  return answer === undefined ? undefined : checkAnswer(talk, answer, allowed);
}

function takeBytes(talk: Talk, count: number): Uint8Array | undefined {
  try {
    return talk.link.take(talk.wire, count);
  } catch (error) {
    throw frameInvalid(error, talk.phase);
  }
}

function checkAnswer(talk: Talk, answer: number, allowed: readonly number[]): number {
  if (answer >= firstErrorResponse) throw explainRefusal(answer, talk.phase);
  if (!allowed.includes(answer)) throw explainUnexpected(toHex(answer), talk.phase);
  return answer;
}
