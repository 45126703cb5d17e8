import { describe, expect, it } from 'vitest';
import { assembleImage } from '../../tools/core/image/building/assemble-image.ts';
import { formatChipRevision } from '../../tools/core/image/esp/header.ts';
import { parseImage } from '../../tools/core/image/parse-image.ts';
import {
  code,
  patched,
  sampleApp,
  sampleBareImage,
  sampleBootloader,
} from '../support/esp-images.ts';

describe('an app image', () => {
  it('is read field by field', () => {
    const app = sampleApp({ secureVersion: 3, elfSha256: new Uint8Array(32).fill(0xab) });
    expect(parseImage(app)).toMatchObject({
      kind: 'app',
      sizeBytes: app.length,
      chip: { id: 5, name: 'esp32c3', retired: false },
      header: {
        segmentCount: 2,
        flashMode: 'dio',
        flashSizeBytes: 4 * 1024 * 1024,
        flashFrequencyMhz: 80,
        entryAddress: 0x40081000,
        wpPin: 0xee,
        minChipRevision: 0,
        maxChipRevision: 0xffff,
        hashFlag: 1,
      },
      segments: [
        { index: 0, address: 0x3c000020, fileOffset: 0x20, sizeBytes: 256 },
        { index: 1, address: 0x42010020, fileOffset: 0x128, sizeBytes: 64 },
      ],
      descriptor: {
        secureVersion: 3,
        version: '1.2.3',
        projectName: 'blinky',
        date: 'Jan  1 2026',
        time: '12:00:00',
        builtAt: '2026-01-01T12:00:00',
        idfVersion: 'v5.4',
        elfSha256: 'ab'.repeat(32),
        minEfuseBlockRevision: 0,
        maxEfuseBlockRevision: 0xffff,
        mmuPageSizeBytes: 0x10000,
        flashMode: undefined,
        placeholder: false,
        unterminated: [],
      },
      checksum: { status: 'valid' },
      hash: { status: 'valid' },
      imageBytes: app.length,
      signature: undefined,
      trailing: undefined,
      findings: [],
    });
  });

  it.each([0, 1, 500, 501, 4096, 0x10001])('can be built with at least %i bytes', (sizeBytes) => {
    const app = sampleApp({ sizeBytes });
    expect(app.length).toBeGreaterThanOrEqual(sizeBytes);
    expect(app.length).toBeLessThan(Math.max(sizeBytes + 16, 450));
    expect(parseImage(app)).toMatchObject({
      checksum: { status: 'valid' },
      hash: { status: 'valid' },
    });
  });

  it('tells its validation hash', () => {
    const app = sampleApp();
    const stored = Buffer.from(app.subarray(-32)).toString('hex');
    expect(parseImage(app)).toMatchObject({ hash: { stored, computed: stored } });
  });

  it('without compile time has no build time', () => {
    const app = patched(sampleApp(), 0x70, new Array(32).fill(0));
    expect(parseImage(app)).toMatchObject({ descriptor: { date: '', builtAt: undefined } });
  });

  it.each([
    ['Foo  1 2026', '12:00:00'],
    ['Jan 1 2026', '12:00:00'],
    ['Jan  1 2026', '12:00'],
  ])('with the odd build time %s %s has none', (date, time) => {
    const fields = Buffer.alloc(32);
    fields.write(time, 0);
    fields.write(date, 16);
    expect(parseImage(patched(sampleApp(), 0x70, [...fields]))).toMatchObject({
      descriptor: { date, builtAt: undefined },
    });
  });

  it('of ESP-IDF 6.1 names the flash mode that a device compares', () => {
    expect(parseImage(patched(sampleApp(), 0xd5, [2]))).toMatchObject({
      descriptor: { flashMode: 'dio' },
    });
  });

  it('with a hash flag other than 0 and 1 is refused by its finding', () => {
    expect(parseImage(patched(sampleApp(), 23, [2]))).toMatchObject({
      kind: 'app',
      hash: { status: 'absent' },
      findings: [{ code: 'hash-flag', severity: 'error' }],
    });
  });

  it('whose descriptor does not fit in segment 0 is refused by its finding', () => {
    const descriptor = sampleApp().subarray(0x20, 0x120);
    const short = assembleImage({
      chipId: 5,
      segments: [
        [0x3c000020, descriptor.subarray(0, 252)],
        [0, code(64)],
      ],
    });
    expect(parseImage(short)).toMatchObject({
      kind: 'app',
      findings: [{ code: 'descriptor-segment', severity: 'error' }],
    });
  });
});

describe('other images of the family', () => {
  it('without descriptor are images', () => {
    expect(parseImage(sampleBareImage())).toMatchObject({
      kind: 'image',
      chip: { name: 'esp32' },
      hash: { status: 'valid' },
    });
  });

  it('may have no hash', () => {
    expect(parseImage(sampleBareImage('esp32', false))).toMatchObject({
      hash: { status: 'absent' },
      checksum: { status: 'valid' },
      findings: [],
    });
  });

  it('with a first byte 0x50 are bootloaders only when the rest of a descriptor is there', () => {
    const bootloader = sampleBootloader({ secureVersion: 4 });
    expect(parseImage(bootloader)).toMatchObject({ descriptor: { secureVersion: 4 } });
    expect(parseImage(patched(bootloader, 0x21, [1])).kind).toBe('image');
    expect(parseImage(patched(bootloader, 0x28, [0x01])).kind).toBe('image');
  });

  it.each([
    ['esp32c2', 0xf, 60],
    ['esp32h2', 0x0, 24],
    ['esp32c5', 0x2, 20],
    ['esp32c6', 0x0, undefined],
    ['esp32', 0x1, 26],
  ])('of the %s with frequency code %i run their flash at %s MHz', (chip, nibble, mhz) => {
    const image = patched(sampleBareImage(chip), 3, [0x10 | nibble]);
    expect(parseImage(image)).toMatchObject({
      header: { flashFrequencyMhz: mhz, flashSizeBytes: 2 * 1024 * 1024 },
    });
  });

  it('keep codes without meaning out', () => {
    expect(parseImage(patched(sampleBareImage(), 2, [9, 0x93]))).toMatchObject({
      header: { flashMode: undefined, flashSizeBytes: undefined, flashFrequencyMhz: undefined },
    });
  });

  it('name chip revisions as Espressif does', () => {
    expect([0, 3, 199, 399].map(formatChipRevision)).toEqual(['v0.0', 'v0.3', 'v1.99', 'v3.99']);
  });
});

describe('broken structure', () => {
  const app = sampleApp();

  it.each([0, 17, 255])('%i segments are no image', (count) => {
    expect(parseImage(patched(app, 1, [count]))).toMatchObject({
      kind: 'unknown',
      resembles: 'image',
      findings: [{ code: 'segment-count', severity: 'error' }],
    });
  });

  it.each([
    ['0xfffffff0', [0xf0, 0xff, 0xff, 0xff]],
    ['0x1000000', [0, 0, 0, 1]],
    ['0x41', [0x41, 0, 0, 0]],
  ])('a segment length of %s is bad', (length, bytes) => {
    const [finding] = parseImage(patched(app, 0x124, bytes)).findings;
    expect(finding).toMatchObject({ code: 'segment-length', severity: 'error' });
    expect(finding?.message).toBe(`bad length ${length} of segment 1 at 0x120`);
  });

  it.each([
    [1, 'truncated in the header: 1 of 24 bytes are there'],
    [23, 'truncated in the header: 23 of 24 bytes are there'],
    [0x1c, 'truncated before segment 0: its header at 0x18 is not in the file of 28 bytes'],
    [0x121, 'truncated before segment 1: its header at 0x120 is not in the file of 289 bytes'],
    [0x130, 'truncated in segment 1: 56 of its 64 bytes are missing'],
    [0x168, 'truncated before the checksum at 0x16f'],
    [0x171, 'truncated in the appended hash: 1 of 32 bytes are there'],
  ])('a file cut after %i bytes says where', (length, message) => {
    expect(parseImage(app.subarray(0, length)).findings).toEqual([
      { code: 'truncated', severity: 'error', message },
    ]);
  });

  it('a header that nothing fits is told from one that is cut', () => {
    const header = Uint8Array.from(app.subarray(0, 24));
    header[23] = 7;
    expect(parseImage(header)).toMatchObject({
      kind: 'unknown',
      findings: [{ message: 'starts like an image (0xE9), but nothing behind that fits' }],
    });
  });

  it('a prefix of an image is never taken for a whole one', () => {
    for (let length = 1; length < app.length; length += 1) {
      const file = parseImage(app.subarray(0, length));
      const whole = 'imageBytes' in file && file.imageBytes !== undefined;
      expect({ length, whole }).toEqual({ length, whole: false });
      expect(file.findings.some(({ severity }) => severity === 'error')).toBe(true);
    }
  });

  it('an image and its corrupted copy are both images of the family', () => {
    for (const offset of [0x20, 0x40, 0x128, 0x150]) {
      const file = parseImage(patched(app, offset, [(app[offset] ?? 0) ^ 0x10]));
      expect(file).toMatchObject({ chip: { name: 'esp32c3' }, checksum: { status: 'invalid' } });
    }
  });
});
