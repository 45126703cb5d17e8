import type { Inbox } from './inbox.ts';
import type { NoiseCipher } from './noise.ts';
import { noiseTagBytes } from './noise-primitives.ts';
import { NOISE_FRAME_INDICATOR, NOISE_MAX_PLAINTEXT } from './protocol.ts';

/** How the units of a session travel: as they are, or encrypted in frames. */
export interface Link {
  /** The bytes that carry one unit. The protocol fixes what a unit is: one field, or image bytes. */
  wrap(unit: Uint8Array): Uint8Array;
  /** The next `count` bytes of the session, once they have arrived. Throws on a frame that is not valid. */
  take(wire: Inbox, count: number): Uint8Array | undefined;
}

export const plainLink: Link = {
  wrap: (unit) => unit,
  take: (wire, count) => wire.take(count),
};

const headerBytes = 3;

/** Noise frames: image data is cut into pieces that a device can decrypt; fields are one frame each. */
export function createNoiseLink(
  ciphers: { readonly send: NoiseCipher; readonly receive: NoiseCipher },
  plain: Inbox,
): Link {
  return {
    wrap(unit) {
      const frames: Uint8Array[] = [];
      for (let offset = 0; offset < unit.length; offset += NOISE_MAX_PLAINTEXT) {
        const piece = unit.subarray(offset, offset + NOISE_MAX_PLAINTEXT);
        frames.push(frameOf(ciphers.send.encrypt(piece)));
      }
      return Buffer.concat(frames);
    },
    take(wire, count) {
      while (plain.size < count) {
        const payload = takeFrame(wire);
        if (payload === undefined) return;
        const piece = ciphers.receive.decrypt(payload);
        if (piece.length === 0) throw new Error('an empty frame');
        plain.push(piece);
      }
      return plain.take(count);
    },
  };
}

/** Indicator, length in 16 bits big endian, payload. */
export function frameOf(payload: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(headerBytes + payload.length);
  frame.writeUInt8(NOISE_FRAME_INDICATOR, 0);
  frame.writeUInt16BE(payload.length, 1);
  frame.set(payload, headerBytes);
  return frame;
}

/** The payload of the next frame, once it is whole. Throws when no frame begins here, or an oversized one. */
export function takeFrame(wire: Inbox): Uint8Array | undefined {
  const head = Buffer.from(wire.peek().subarray(0, headerBytes));
  if (head.length > 0 && head[0] !== NOISE_FRAME_INDICATOR) throw new Error('not a frame');
  if (head.length < headerBytes) return;
  const length = head.readUInt16BE(1);
  if (length === 0 || length > NOISE_MAX_PLAINTEXT + noiseTagBytes) {
    throw new Error(`frame of ${length} bytes`);
  }
  if (wire.size < headerBytes + length) return;
  wire.take(headerBytes);
  return wire.take(length);
}
