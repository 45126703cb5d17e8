import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseImage } from '../../tools/core/image/parse-image.ts';
import { indexRows, type Verdicts, verdictsOf } from '../support/image-index.ts';
import { sharedFolder, sharedImages } from '../support/shared.ts';

/**
 * Rows where INDEX.md repeats what its throw-away parser printed and a reader can know more. Everything
 * that is not named here must be as the row says.
 */
const betterThanIndex: Readonly<Record<string, { reason: string } & Partial<Verdicts>>> = {
  'trunc-in-segment.bin': {
    reason: 'the app descriptor is whole, so the file is a truncated app',
    kind: 'app',
    descriptor: 'hello_world v1.4.1-2-g0296947-dirty; IDF v5.2.2-dirty; sv=0',
  },
  'trunc-before-checksum.bin': {
    reason: 'the app descriptor is whole, so the file is a truncated app',
    kind: 'app',
    descriptor: 'hello_world v1.4.1-2-g0296947-dirty; IDF v5.2.2-dirty; sv=0',
  },
  'segment-len-overflow.bin': {
    reason: 'the app descriptor is whole, so the file is a broken app',
    kind: 'app',
    descriptor: 'hello_world v1.4.1-2-g0296947-dirty; IDF v5.2.2-dirty; sv=0',
  },
  'unknown-chip-0x7f7f.bin': {
    reason: 'checksum and hash verify: an app for a chip that nobody knows, and no ESP8266 image',
    chip: '0x7f7f',
    kind: 'app',
    verified: 'ck ok, sha ok',
    descriptor: 'hello_world v1.4.1-2-g0296947-dirty; IDF v5.2.2-dirty; sv=0',
  },
  'hash-flag-2.bin': {
    reason: 'the checksum verifies as an ESP32-C3 app whose hash flag is invalid',
    chip: 'esp32c3',
    kind: 'app',
    verified: 'ck ok, no hash',
    descriptor: 'hello_world v1.4.1-2-g0296947-dirty; IDF v5.2.2-dirty; sv=0',
  },
  'app-esp8266-hello_world.bin': {
    reason: 'the RTOS SDK appends a SHA-256 without marking it',
    verified: 'ck ok, sha ok',
  },
  'odd-bootloader-encrypted.bin': {
    reason: 'encryption is suspected by entropy',
    kind: 'encrypted',
  },
  'odd-ota_data_initial.bin': { reason: 'otadata has a known size and form', kind: 'otadata' },
  'odd-delta-patch-heatshrink.bin': {
    reason: 'bare detools patches are recognised',
    kind: 'delta-patch',
  },
  'delta-detools-heatshrink-esp32p4-fusioncore-1-to-2.bin': {
    reason: 'bare detools patches are recognised',
    kind: 'delta-patch',
  },
  'delta-detools-none-esp32-hello_world-5.1-to-5.2.2.bin': {
    reason: 'bare detools patches are recognised',
    kind: 'delta-patch',
  },
  'delta-detools-lzma-esp32-hello_world-5.1-to-5.2.2.bin': {
    reason: 'bare detools patches are recognised',
    kind: 'delta-patch',
  },
};

const shared = sharedFolder();

describe.runIf(shared !== undefined)('real images are read as INDEX.md says', () => {
  const folder = join(shared ?? '', 'images');
  const rows =
    shared === undefined ? [] : indexRows(readFileSync(join(folder, 'INDEX.md'), 'utf8'));

  it('INDEX.md names every image of the folder, and only those', () => {
    const files = sharedImages().map(([name]) => name);
    expect(rows.map(({ file }) => file).sort()).toEqual(files.sort());
    expect(rows.map(({ file }) => file)).toEqual(
      expect.arrayContaining(Object.keys(betterThanIndex)),
    );
  });

  it.each(rows)('$file is $kind', ({ file, path, sizeBytes, sha256, ...expected }) => {
    const bytes = readFileSync(join(folder, path));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
    const parsed = parseImage(bytes);
    expect(createHash('sha256').update(bytes).digest('hex'), 'reading changed the bytes').toBe(
      sha256,
    );
    const { reason: _, ...better } = betterThanIndex[file] ?? { reason: '' };
    for (const [word, value] of Object.entries(better)) {
      expect(expected[word as keyof Verdicts], `${word} is no exception any more`).not.toBe(value);
    }
    expect({ ...verdictsOf(parsed), sizeBytes: parsed.sizeBytes }).toMatchObject({
      ...expected,
      ...better,
      sizeBytes,
    });
  });
});
