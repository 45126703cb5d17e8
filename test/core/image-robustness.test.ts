import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kindNames } from '../../tools/core/image/firmware-file.ts';
import { parseImage } from '../../tools/core/image/parse-image.ts';
import { parsePartitionCsv } from '../../tools/core/image/partitions/table-csv.ts';
import {
  ecKey,
  patched,
  sampleApp,
  sampleBareImage,
  sampleBootloader,
} from '../support/esp-images.ts';
import { esp8266Arduino, esp8266Rtos, esp8266V1, esp8266V2 } from '../support/esp8266-images.ts';
import { mergedFile, otadata, partitionTable } from '../support/flash-files.ts';
import { sharedFolder, sharedImages } from '../support/shared.ts';
import { signImage } from '../support/sign-image.ts';

/** Small files of every kind that has structure. */
const samples = {
  app: sampleApp(),
  bootloader: sampleBootloader(),
  image: sampleBareImage(),
  signed: signImage(sampleApp(), [ecKey('prime256v1')]),
  'esp8266-v1': esp8266V1(),
  rtos: esp8266Rtos(),
  arduino: esp8266Arduino(),
  'esp8266-v2': esp8266V2(),
  merged: mergedFile(),
  'partition-table': partitionTable(),
  otadata: otadata([1, 2]),
};

function expectSound(bytes: Uint8Array): void {
  const file = parseImage(bytes);
  expect(Object.keys(kindNames)).toContain(file.kind);
  expect(file.sizeBytes).toBe(bytes.length);
  // What a reader keeps is text and numbers, in proportion to the input: never a copy of the bytes.
  expect(JSON.stringify(file).length).toBeLessThan(40_000 + bytes.length);
}

/** A few bytes replaced anywhere, most of them near the start where the structure is. */
const edits = fc.array(
  fc.tuple(
    fc.oneof(fc.nat({ max: 0x40 }), fc.nat()),
    fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 255, 0xe9)),
  ),
  { minLength: 1, maxLength: 6 },
);

function edited(bytes: Uint8Array, changes: readonly (readonly [number, number])[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  for (const [at, value] of changes) copy[at % copy.length] = value;
  return copy;
}

describe('no bytes make the reader fail', () => {
  it('arbitrary ones', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 4096 }), expectSound));
  });

  it.each([
    ['an image', [0xe9, 1]],
    ['an ESP8266 app', [0xea, 4]],
    ['a partition table', [0xaa, 0x50]],
    ['an ELF file', [0x7f, 0x45, 0x4c, 0x46]],
    ['a patch container', [0x10, 0xde, 0xcd, 0xfc]],
    ['a bare patch', [0x04, 0x80, 0x40, 0x44]],
    ['an uncompressed patch', [0x00, 0x80, 0x40, 0x00]],
  ])('ones that begin like %s', (_, magic) => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 512 }), (bytes) =>
        expectSound(patched(bytes, 0, magic)),
      ),
    );
  });

  it.each(Object.entries(samples))('a corrupted %s', (_, sample) => {
    fc.assert(
      fc.property(edits, (changes) => expectSound(edited(sample, changes))),
      { numRuns: 200 },
    );
  });

  it.each(Object.entries(samples))('%s cut at every length', (name, sample) => {
    // Beyond the structure of large samples nothing new happens: steps of a prime number reach every phase.
    const step = sample.length > 8192 ? 251 : 1;
    for (let length = 0; length < sample.length; length += step) {
      const file = parseImage(sample.subarray(0, length));
      expect(file.sizeBytes, `${name} cut at ${length}`).toBe(length);
    }
  });

  it('any text as partitions.csv', () => {
    const field = fc.oneof(
      fc.constantFrom('app', 'data', 'ota', '', '0x10000', '1M', '-4k', '$X', 'factory'),
      fc.string(),
    );
    const line = fc.array(field, { maxLength: 7 }).map((fields) => fields.join(','));
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const { partitions } = parsePartitionCsv(lines.join('\n'));
        expect(partitions.length).toBeLessThanOrEqual(lines.join('\n').split(/\r\n|\n|\r/).length);
      }),
    );
  });
});

describe.runIf(sharedFolder() !== undefined)(
  'mutations of real files do not make the reader fail',
  () => {
    it.each(sharedImages())('%s', (_, path) => {
      const bytes = readFileSync(path);
      fc.assert(
        fc.property(edits, fc.nat(), (changes, cut) => {
          expectSound(edited(joinedByte(bytes), changes));
          expectSound(bytes.subarray(0, cut % (bytes.length + 1)));
        }),
        { numRuns: 5 },
      );
    });
  },
);

/** An empty file has no byte to change. */
function joinedByte(bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 ? Uint8Array.of(0) : bytes;
}
