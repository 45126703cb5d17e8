import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { DeliveryFailure } from '../../tools/core/release/delivery.ts';
import {
  createSession,
  type SessionOptions,
  type SessionSummary,
} from '../../tools/transports/esphome/session.ts';
import type { SessionState, SessionStep } from '../../tools/transports/esphome/steps.ts';
import type { UploadBody } from '../../tools/transports/lan/upload-cache.ts';

export type LoadStep = Extract<SessionStep, { kind: 'load' }>;

/** Gives the body in the form that the device asked for. */
export function bodyOf(
  image: Uint8Array,
  gzip: (bytes: Uint8Array) => Uint8Array = (bytes) => gzipSync(bytes, { level: 9 }),
): (step: LoadStep) => UploadBody {
  return (step) => {
    const bytes = step.gzip ? gzip(image) : image;
    return { bytes, checksum: createHash(step.checksum).update(bytes).digest('hex') };
  };
}

export interface Replay {
  /** What the client sent: one entry for everything between two waits. */
  readonly sent: readonly Buffer[];
  readonly state: SessionState;
  readonly summary?: SessionSummary;
  /** Why it ended early. The session wants more answers than there are: `undefined`, as the summary. */
  readonly failure?: DeliveryFailure;
}

/**
 * Runs a session without sockets: whenever it waits, it is given the next answer of the device, and what
 * it sent before is closed off as one turn.
 */
export function replaySession(
  options: SessionOptions,
  load: (step: LoadStep) => UploadBody,
  answers: Iterable<Uint8Array>,
): Replay {
  const session = createSession(options);
  const remaining = answers[Symbol.iterator]();
  const sent: Buffer[] = [];
  let turn: Uint8Array[] = [];
  const closeTurn = (): void => {
    if (turn.length > 0) sent.push(Buffer.concat(turn));
    turn = [];
  };
  const end = (how: Pick<Replay, 'summary' | 'failure'>): Replay => {
    closeTurn();
    return { sent, state: session.state, ...how };
  };
  let body: UploadBody | undefined;
  try {
    for (;;) {
      const step = body === undefined ? session.steps.next() : session.steps.next(body);
      body = undefined;
      if (step.done === true) return end({ summary: step.value });
      if (step.value.kind === 'send') turn.push(step.value.bytes);
      if (step.value.kind === 'load') body = load(step.value);
      if (step.value.kind === 'wait') {
        closeTurn();
        const answer = remaining.next();
        if (answer.done === true) return end({});
        session.receive(answer.value);
      }
    }
  } catch (error) {
    if (error instanceof DeliveryFailure) return end({ failure: error });
    throw error;
  }
}
