import { describe, expect, it } from 'vitest';
import { parseImage } from '../../tools/core/image/parse-image.ts';
import { code, filled, joined, patched } from '../support/esp-images.ts';
import { esp8266Arduino, esp8266Rtos, esp8266V1, esp8266V2 } from '../support/esp8266-images.ts';

describe('an ESP8266 image in V1 layout', () => {
  it('is read field by field', () => {
    const image = esp8266V1();
    expect(parseImage(image)).toMatchObject({
      kind: 'esp8266-v1',
      layout: 'plain',
      header: {
        segmentCount: 2,
        flashMode: 'dio',
        flashSizeBytes: 4 * 1024 * 1024,
        flashFrequencyMhz: 40,
        entryAddress: 0x40100000,
      },
      segments: [
        { address: 0x40100000, fileOffset: 16, sizeBytes: 64 },
        { address: 0x3ffe8000, fileOffset: 88, sizeBytes: 32 },
      ],
      checksum: { status: 'valid' },
      hash: { status: 'absent' },
      imageBytes: image.length,
      trailing: undefined,
      findings: [],
    });
  });

  it.each([
    [0x0f, 512],
    [0x1f, 256],
    [0x2f, 1024],
    [0x3f, 2048],
    [0x4f, 4096],
    [0x5f, 2048],
    [0x6f, 4096],
    [0x8f, 8192],
    [0x9f, 16384],
    [0x7f, undefined],
  ])('knows the flash size of code 0x%s', (byte, kilobytes) => {
    const flashSizeBytes = kilobytes === undefined ? undefined : kilobytes * 1024;
    expect(parseImage(patched(esp8266V1(), 3, [byte]))).toMatchObject({
      header: { flashSizeBytes, flashFrequencyMhz: 80 },
    });
  });

  it('with a flipped bit has a bad checksum and stays an ESP8266 image', () => {
    expect(parseImage(patched(esp8266V1(), 20, [0xaa]))).toMatchObject({
      kind: 'esp8266-v1',
      checksum: { status: 'invalid' },
    });
  });

  it('may be followed by raw code', () => {
    const image = esp8266V1();
    expect(parseImage(joined(image, code(1000)))).toMatchObject({
      checksum: { status: 'valid' },
      trailing: { fileOffset: image.length, sizeBytes: 1000, content: 'data' },
    });
  });

  it('cut anywhere is not whole', () => {
    const image = esp8266V1();
    for (let length = 16; length < image.length; length += 1) {
      const file = parseImage(image.subarray(0, length));
      expect(file).toMatchObject({ kind: 'esp8266-v1', imageBytes: undefined });
      expect(file.findings).toMatchObject([{ code: 'truncated', severity: 'error' }]);
    }
  });
});

describe('an app of the RTOS SDK', () => {
  it('has a hash that nothing announces', () => {
    const image = esp8266Rtos();
    expect(parseImage(image)).toMatchObject({
      layout: 'rtos',
      hash: { status: 'valid' },
      imageBytes: image.length,
      trailing: undefined,
    });
  });

  it('with a corrupted hash is told by its length', () => {
    const image = esp8266Rtos();
    expect(
      parseImage(patched(image, image.length - 1, [~(image.at(-1) ?? 0) & 0xff])),
    ).toMatchObject({ layout: 'rtos', hash: { status: 'invalid' } });
  });
});

describe('an Arduino build', () => {
  const image = esp8266Arduino();

  it('holds eboot and the app', () => {
    expect(parseImage(image)).toMatchObject({
      layout: 'arduino',
      imageBytes: image.length,
      app: {
        segments: [
          { address: 0x40201010, fileOffset: 0x1010, sizeBytes: 256 },
          { address: 0x40100000, sizeBytes: 61 },
        ],
      },
      trailing: undefined,
      findings: [],
    });
  });

  it('with a flipped bit in the app fails checksum and CRC', () => {
    expect(parseImage(patched(image, 0x1080, [~(image[0x1080] ?? 0) & 0xff]))).toMatchObject({
      checksum: { status: 'valid' },
      app: { checksum: { status: 'invalid' }, crc: { status: 'invalid' } },
    });
  });

  it('with a flipped bit outside of all segments fails only the CRC', () => {
    expect(parseImage(patched(image, 0x800, [1]))).toMatchObject({
      checksum: { status: 'valid' },
      app: { checksum: { status: 'valid' }, crc: { status: 'invalid' } },
    });
  });

  it('followed by padding keeps its CRC', () => {
    expect(parseImage(joined(image, filled(64, 0xff)))).toMatchObject({
      app: { crc: { status: 'valid' } },
      trailing: { sizeBytes: 64, content: 'ff' },
    });
  });

  it('cut short says so', () => {
    const file = parseImage(image.subarray(0, image.length - 20));
    expect(file).toMatchObject({ imageBytes: undefined, findings: [{ code: 'truncated' }] });
  });

  it('that expects more bytes than the file has is refused by its finding', () => {
    const bigger = patched(image, 0x1010, [...Buffer.from([0xff, 0xff, 0, 0])]);
    expect(parseImage(bigger)).toMatchObject({
      app: { checksum: { status: 'valid' } },
      findings: [{ code: 'eboot-size', severity: 'error' }],
    });
  });

  it('of an old core has a plain checksum and no CRC', () => {
    const eboot = esp8266V1();
    const app = esp8266V1([[0x40201010, code(256)]]);
    const old = joined(eboot, filled(0x1000 - eboot.length, 0), app);
    expect(parseImage(old)).toMatchObject({
      layout: 'arduino',
      app: { checksum: { status: 'valid' }, crc: { status: 'missing' } },
      findings: [],
    });
  });

  it('may have an eboot that fills its whole sector', () => {
    const eboot = esp8266V1([[0x40100000, code(0x1000 - 32)]]);
    expect(eboot).toHaveLength(0x1000);
    const file = joined(eboot, esp8266V1([[0x40201010, code(256)]]));
    expect(parseImage(file)).toMatchObject({ layout: 'arduino', findings: [] });
  });

  it('is not seen behind an image that reaches past 0x1000', () => {
    const file = joined(esp8266V1([[0x40100000, code(0x1000 - 16)]]), filled(64, 0));
    expect(parseImage(file)).toMatchObject({ layout: 'plain', app: undefined });
  });

  it('is not seen where 0xE9 at 0x1000 is chance', () => {
    const file = joined(esp8266V1(), filled(0x2000, 0x55));
    expect(parseImage(patched(file, 0x1000, [0xe9, 2]))).toMatchObject({
      layout: 'plain',
      app: undefined,
    });
  });
});

describe('an app of the NONOS SDK (V2)', () => {
  const image = esp8266V2();

  it('is read field by field', () => {
    expect(parseImage(image)).toMatchObject({
      kind: 'esp8266-v2',
      irom: { fileOffset: 16, sizeBytes: 128 },
      header: { segmentCount: 2, flashMode: 'dio' },
      segments: [{ address: 0x40100000 }, { address: 0x3ffe8000 }],
      checksum: { status: 'valid' },
      crc: { status: 'valid' },
      imageBytes: image.length,
      findings: [],
    });
  });

  it('with a flip in the code for flash fails only the CRC', () => {
    expect(parseImage(patched(image, 40, [0]))).toMatchObject({
      checksum: { status: 'valid' },
      crc: { status: 'invalid' },
    });
  });

  it('cut anywhere is not whole', () => {
    for (let length = 16; length < image.length; length += 1) {
      const file = parseImage(image.subarray(0, length));
      expect(file).toMatchObject({ kind: 'esp8266-v2', imageBytes: undefined });
      expect(file.findings).toMatchObject([{ severity: 'error' }]);
    }
  });

  it('without the inner image is refused by its finding', () => {
    expect(parseImage(patched(image, 144, [0]))).toMatchObject({
      kind: 'esp8266-v2',
      findings: [
        { code: 'segment-count', message: 'no V1 image at 0x90, behind the code for flash' },
      ],
    });
  });
});
