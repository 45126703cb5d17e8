import fc from 'fast-check';
import { generate, type Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import {
  createOversizeFilter,
  type OversizePublish,
} from '../../tools/transports/mqtt/receiver/oversize.ts';

describe('the filter for messages that are too large', () => {
  it('passes everything else on, however the bytes are cut', () => {
    const packet = fc.record({
      topic: fc
        .string({ minLength: 1, maxLength: 12, unit: 'grapheme-ascii' })
        .filter((text) => !/[+#]/.test(text)),
      bytes: fc.integer({ min: 0, max: 400 }),
      qos: fc.constantFrom(0 as const, 1 as const),
    });
    fc.assert(
      fc.property(
        fc.array(packet, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }),
        (packets, cuts) => {
          const encoded = packets.map(({ topic, bytes, qos }, index) =>
            generate({
              cmd: 'publish',
              topic,
              qos,
              payload: 'x'.repeat(bytes),
              dup: false,
              retain: false,
              messageId: index + 1,
            } as Packet),
          );
          const isLarge = (bytes: Buffer) => bytes.length - (bytes.length > 129 ? 3 : 2) > 100;
          const passed: Buffer[] = [];
          const skipped: OversizePublish[] = [];
          const filter = createOversizeFilter(
            100,
            (bytes) => void passed.push(Buffer.from(bytes)),
            (told) => void skipped.push(told),
          );
          let rest = Buffer.concat(encoded);
          for (let turn = 0; rest.length > 0; turn += 1) {
            const length = cuts[turn % cuts.length] ?? 1;
            filter(rest.subarray(0, length));
            rest = rest.subarray(length);
          }
          expect(Buffer.concat(passed)).toEqual(
            Buffer.concat(encoded.filter((bytes) => !isLarge(bytes))),
          );
          expect(skipped).toEqual(
            packets.flatMap(({ topic, qos }, index) => {
              const whole = encoded[index] ?? Buffer.alloc(0);
              if (!isLarge(whole)) return [];
              const messageId = qos === 0 ? undefined : index + 1;
              return [
                { topic, qos, messageId, bytes: whole.length - (whole.length > 129 ? 3 : 2) },
              ];
            }),
          );
        },
      ),
    );
  });
});
