import { explainRefusal, frameInvalid, handshakeRefused, wrongKey } from './failures.ts';
import { createInbox } from './inbox.ts';
import { createNoiseLink, frameOf, takeFrame } from './link.ts';
import type { Negotiation } from './negotiate.ts';
import { createNoiseHandshake } from './noise.ts';
import { noiseKeyBytes } from './noise-primitives.ts';
import {
  firstErrorResponse,
  magicBytes,
  NOISE_HANDSHAKE_OK,
  NOISE_MAC_FAILURE_REASON,
  NOISE_PROLOGUE_INIT,
  response,
} from './protocol.ts';
import type { SessionSteps } from './steps.ts';
import type { Talk } from './talk.ts';

/** Both sides bind the plaintext negotiation to the handshake: a byte changed on the way fails it. */
export function noisePrologue(
  version: number,
  clientFeatures: number,
  serverFlags: number,
): Uint8Array {
  return Buffer.concat([
    Buffer.from(NOISE_PROLOGUE_INIT, 'ascii'),
    magicBytes,
    Uint8Array.of(response.OK, version, clientFeatures, response.FEATURE_FLAGS, serverFlags),
  ]);
}

/** The Noise handshake; from then on everything is encrypted. */
export function* encrypt(
  talk: Talk,
  agreed: Negotiation,
  presharedKey: Uint8Array,
  random: (sizeBytes: number) => Uint8Array,
): SessionSteps<void> {
  talk.phase = 'encryption';
  const handshake = createNoiseHandshake({
    role: 'initiator',
    presharedKey,
    prologue: noisePrologue(agreed.version, agreed.clientFeatures, agreed.serverFlags),
    ephemeralSecret: random(noiseKeyBytes),
  });
  yield {
    kind: 'send',
    bytes: frameOf(Buffer.concat([Uint8Array.of(NOISE_HANDSHAKE_OK), handshake.write()])),
  };
  const payload = yield* readHandshakeFrame(talk);
  const message = payload.subarray(1);
  if (payload[0] !== NOISE_HANDSHAKE_OK) {
    const reason = Buffer.from(message).toString('utf8');
    throw reason === NOISE_MAC_FAILURE_REASON ? wrongKey() : handshakeRefused(reason);
  }
  try {
    handshake.read(message);
  } catch (error) {
    throw wrongKey(error);
  }
  talk.link = createNoiseLink(handshake.split(), createInbox());
}

function* readHandshakeFrame(talk: Talk): SessionSteps<Uint8Array> {
  for (;;) {
    const [first = 0] = talk.wire.peek();
    if (first >= firstErrorResponse) throw explainRefusal(first, talk.phase);
    let payload: Uint8Array | undefined;
    try {
      payload = takeFrame(talk.wire);
    } catch (error) {
      throw frameInvalid(error, talk.phase);
    }
    if (payload !== undefined) return payload;
    yield { kind: 'wait' };
  }
}
