import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { mergeImages } from '../../tools/core/image/building/merge-images.ts';
import { parseImage } from '../../tools/core/image/parse-image.ts';
import { problemsOf } from '../../tools/core/image/problems.ts';
import {
  code,
  filled,
  joined,
  patched,
  sampleApp,
  sampleBootloader,
} from '../support/esp-images.ts';
import { mergedFile, otadata, partitionTable, twoSlots } from '../support/flash-files.ts';

describe('otadata', () => {
  it('that is blank has no records', () => {
    expect(parseImage(otadata([]))).toEqual({
      kind: 'otadata',
      sizeBytes: 0x2000,
      records: [],
      findings: [],
    });
  });

  it('tells sequence and state of its records', () => {
    expect(parseImage(otadata([undefined, 7], 1))).toMatchObject({
      records: [{ sector: 1, sequence: 7, state: 'pending-verify', crc: 'valid' }],
    });
    expect(parseImage(otadata([3, 4], 9))).toMatchObject({
      records: [
        { sector: 0, state: 'unknown' },
        { sector: 1, sequence: 4 },
      ],
    });
  });

  it('with a wrong CRC says that the bootloader ignores the record', () => {
    expect(parseImage(patched(otadata([1]), 0, [2]))).toMatchObject({
      records: [{ sequence: 2, crc: 'invalid' }],
      findings: [{ code: 'otadata-entry' }],
    });
  });

  it('holds nothing else', () => {
    expect(parseImage(patched(otadata([1]), 100, [0])).kind).toBe('unknown');
    expect(parseImage(filled(0x1000, 0xff))).toMatchObject({
      kind: 'unknown',
      resembles: 'blank-flash',
    });
  });
});

describe('a merged image', () => {
  it('tells about all its parts', () => {
    expect(parseImage(mergedFile())).toMatchObject({
      bootloader: { label: 'bootloader', image: { kind: 'bootloader', chip: { name: 'esp32c3' } } },
      table: { partitions: { length: 5 } },
      apps: [{ image: { kind: 'app', hash: { status: 'valid' } } }],
      findings: [],
    });
  });

  it('needs a bootloader that is whole', () => {
    const file = mergedFile();
    expect(parseImage(patched(file, 0x20 + 80 + 4, [0xf0, 0xff])).kind).not.toBe('merged');
    expect(parseImage(patched(file, 0, [0xff])).kind).not.toBe('merged');
  });

  it('is not an app with a table somewhere behind it', () => {
    const app = joined(sampleApp({ sizeBytes: 0x7000 }), filled(0x1000, 0xff)).subarray(0, 0x8000);
    const file = joined(app, partitionTable());
    expect(parseImage(file).kind).toBe('app');
  });

  it('reads no byte twice, however the table overlaps', () => {
    const rows = Array.from({ length: 90 }, (_, index) => ({
      label: `app${index}`,
      type: 0,
      subtype: 0x10,
      offset: 0x10000,
      sizeBytes: 0xfff00000,
    }));
    const file = mergeImages([
      { offset: 0, bytes: sampleBootloader() },
      { offset: 0x8000, bytes: partitionTable(rows) },
      { offset: 0x10000, bytes: sampleApp({ sizeBytes: 0x10000 }) },
    ]);
    expect(parseImage(file)).toMatchObject({ kind: 'merged', apps: { length: 1 } });
  });

  it.each([
    ['an unknown chip', 0x7f],
    ['a chip that boots from 0x0', 0x05],
  ])('of %s lies where it lies in the file', (_, chipId) => {
    const file = patched(mergedFile('esp32', 0x1000), 0x100c, [chipId]);
    expect(parseImage(file)).toMatchObject({
      kind: 'merged',
      flashOffset: 0,
      tableOffset: 0x8000,
      bootloader: { flashOffset: 0x1000 },
      apps: [{ flashOffset: 0x10000, fileOffset: 0x10000 }],
    });
  });

  it('tells the problems of its parts, labels made safe', () => {
    const rows = twoSlots.map((row) => (row.label === 'ota_0' ? { ...row, label: '\u001b' } : row));
    const app = sampleApp();
    const file = mergeImages([
      { offset: 0, bytes: sampleBootloader() },
      { offset: 0x8000, bytes: partitionTable(rows) },
      { offset: 0x10000, bytes: patched(app, 0x40, [0x41]) },
    ]);
    expect(problemsOf(parseImage(file))).toContain(
      '\\x1b: the appended SHA-256 is not that of the image',
    );
  });

  it('may hold no app yet', () => {
    const file = mergedFile().subarray(0, 0xf000);
    expect(parseImage(file)).toMatchObject({ kind: 'merged', apps: [] });
  });

  it('is refused when its parts overlap', () => {
    const part = { offset: 0, bytes: code(16) };
    expect(() => mergeImages([part, { ...part, offset: 15 }])).toThrow(RangeError);
    expect(mergeImages([{ offset: 2, bytes: Uint8Array.of(1) }])).toEqual(
      Uint8Array.of(0xff, 0xff, 1),
    );
  });

  it('keeps the findings of its table', () => {
    const rows = twoSlots.map((row) => ({ ...row, label: 'same' }));
    const file = mergeImages([
      { offset: 0, bytes: sampleBootloader() },
      { offset: 0x8000, bytes: partitionTable(rows) },
    ]);
    expect(parseImage(file).findings[0]).toMatchObject({ code: 'partition-rule' });
  });
});

describe('a delta patch', () => {
  const plain = joined(
    // sequential, uncompressed, target 320 bytes
    Uint8Array.of(0x00, 0x80, 0x05),
    // no data patch; 300 diff bytes, 20 extra bytes, an adjustment
    Uint8Array.of(0x00, 0xac, 0x04),
    code(300),
    Uint8Array.of(20),
    code(20),
    Uint8Array.of(0),
  );

  it('without compression is walked through', () => {
    expect(parseImage(plain)).toMatchObject({
      kind: 'delta-patch',
      container: 'detools',
      patchType: 'sequential',
      compression: 'none',
      targetBytes: 320,
    });
  });

  it('that does not add up is none', () => {
    expect(parseImage(patched(plain, 1, [0x81])).kind).toBe('unknown');
    expect(parseImage(plain.subarray(0, 200)).kind).toBe('unknown');
    expect(parseImage(patched(plain, 3, [1])).kind).toBe('unknown');
  });

  it('that ends between its chunks is none', () => {
    const head = Uint8Array.of(0x00, 0x80, 0x05, 0x00);
    const chunks = joined(head, Uint8Array.of(20), code(20), Uint8Array.of(0));
    expect(parseImage(chunks).kind).toBe('unknown');
  });

  it.each([
    ['smaller than any firmware', [0x00, 0x01]],
    ['larger than any flash', [0x80, 0x80, 0x80, 0x80, 0x03]],
  ])('that makes something %s is none', (_, size) => {
    const stream = joined(Buffer.from('5d00008000', 'hex'), code(64));
    expect(parseImage(joined(Uint8Array.of(0x01, ...size), stream)).kind).toBe('unknown');
  });

  it.each([
    ['lzma', 0x01, '5d00008000'],
    ['bz2', 0x03, '425a6839'],
    ['zstd', 0x05, '28b52ffd'],
    ['lz4', 0x06, '04224d18'],
    ['lzma', 0x11, '5d00008000'],
  ])('compressed with %s is known by the stream', (compression, first, start) => {
    const head = Buffer.from([first, 0x80, 0x40]);
    const patch = joined(head, Buffer.from(start, 'hex'), code(64));
    expect(parseImage(patch)).toMatchObject({
      compression,
      patchType: first < 0x10 ? 'sequential' : 'in-place',
      targetBytes: 4096,
    });
    expect(parseImage(patched(patch, 3, [0x11])).kind).toBe('unknown');
  });

  it('compressed with heatshrink is decompressed at its start', () => {
    // window 8, lookahead 7; literals 0x00 (no data patch) and 0x10 (16 diff bytes), then a copy
    const stream = Buffer.from([0x44, 0b10000000, 0b01000100, 0b00000000, 0b00000100, 0]);
    const patch = joined(Uint8Array.of(0x04, 0x80, 0x40), stream);
    expect(parseImage(patch)).toMatchObject({ compression: 'heatshrink', targetBytes: 4096 });
    expect(parseImage(patched(patch, 3, [0x4f])).kind).toBe('unknown');
    expect(parseImage(patched(patch, 4, [0xff])).kind).toBe('unknown');
  });

  it('compressed with heatshrink is read through back references too', () => {
    // literal 0x00, literal 0x80, a copy of the byte before, literal 0x40: a chunk of 0x80000 bytes
    const bits = ['1', '00000000', '1', '10000000', '0', '00000000', '0000000', '1', '01000000'];
    const padded = bits.join('').padEnd(48, '0');
    const stream = Uint8Array.from({ length: 6 }, (_, at) =>
      Number.parseInt(padded.slice(at * 8, at * 8 + 8), 2),
    );
    const patch = (...target: number[]) =>
      parseImage(joined(Uint8Array.of(0x04, ...target, 0x44), stream)).kind;
    expect(patch(0x80, 0x80, 0x40)).toBe('delta-patch');
    expect(patch(0xbf, 0xff, 0x3f)).toBe('unknown');
  });

  it("in Espressif's container names its base", () => {
    const base = createHash('sha256').update('base').digest();
    const container = joined(Buffer.from('10decdfc', 'hex'), base, filled(28, 0), plain);
    expect(parseImage(container)).toMatchObject({
      container: 'espressif',
      baseValidationHash: base.toString('hex'),
      compression: 'none',
      targetBytes: 320,
    });
    expect(parseImage(patched(container, 64, [0xff]))).toMatchObject({
      container: 'espressif',
      compression: undefined,
    });
  });
});

describe('other files', () => {
  it.each([
    [0x5e, 'xtensa'],
    [0xf3, 'riscv'],
    [0x3e, 'other'],
  ])('an ELF file for machine %i is %s', (machine, name) => {
    const elf = joined(Buffer.from('7f454c46010101', 'hex'), filled(64, 0));
    expect(parseImage(patched(elf, 18, [machine]))).toMatchObject({ kind: 'elf', machine: name });
  });

  it.each([
    ['1f8b0800', 'gzip'],
    ['504b0304', 'zip'],
    ['fd377a585a00', 'xz'],
    ['28b52ffd', 'zstd'],
  ])('%s is named', (start, resembles) => {
    const file = joined(Buffer.from(start, 'hex'), code(100));
    expect(parseImage(file)).toMatchObject({ kind: 'unknown', resembles });
  });

  it('text is named', () => {
    expect(parseImage(Buffer.from('#!/bin/sh\necho hello\n'))).toMatchObject({ resembles: 'text' });
  });

  it('nothing is empty', () => {
    expect(parseImage(new Uint8Array())).toEqual({ kind: 'empty', sizeBytes: 0, findings: [] });
  });

  it('patterns are not taken for encrypted', () => {
    const counting = Uint8Array.from({ length: 4096 }, (_, index) => index & 0x7f);
    expect(parseImage(counting)).toMatchObject({
      kind: 'unknown',
      start: '000102030405060708090a0b0c0d0e0f',
    });
  });

  it('encryption is suspected only in whole blocks of noise', () => {
    const noise = Buffer.concat(
      Array.from({ length: 64 }, (_, index) => createHash('sha256').update(`n${index}`).digest()),
    );
    expect(parseImage(noise)).toMatchObject({ kind: 'encrypted' });
    expect(parseImage(noise.subarray(1)).kind).toBe('unknown');
    expect(parseImage(noise.subarray(0, 512)).kind).toBe('unknown');
  });
});
