import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { assembleImage } from '../../tools/core/image/building/assemble-image.ts';
import { chips } from '../../tools/core/image/chips.ts';
import { parseImage } from '../../tools/core/image/parse-image.ts';
import {
  code,
  filled,
  joined,
  patched,
  sampleApp,
  sampleBootloader,
} from '../support/esp-images.ts';
import { esp8266Arduino, esp8266V1 } from '../support/esp8266-images.ts';
import { mergedFile, otadata, partitionTable } from '../support/flash-files.ts';

/** Traps T1 to T13 of the format reference; T14 stands with the build folder, T15 with the checks. */
describe('known ways to misread an image', () => {
  it.each([
    ['esp32', 0x1000],
    ['esp32p4', 0x2000],
    ['esp32c3', 0x0],
  ])('T1: a merged image of the %s is not an app', (chip, bootloaderOffset) => {
    expect(parseImage(mergedFile(chip, bootloaderOffset))).toMatchObject({
      kind: 'merged',
      flashOffset: 0,
      tableOffset: 0x8000,
      bootloader: { flashOffset: bootloaderOffset, image: { kind: 'bootloader' } },
      apps: [{ label: 'ota_0', flashOffset: 0x10000, image: { kind: 'app' } }],
    });
  });

  it('T1: a merged image without the pad before its bootloader keeps its flash addresses', () => {
    const file = mergedFile('esp32', 0x1000).subarray(0x1000);
    expect(parseImage(file)).toMatchObject({
      kind: 'merged',
      flashOffset: 0x1000,
      tableOffset: 0x8000,
      bootloader: { flashOffset: 0x1000, fileOffset: 0 },
      apps: [{ flashOffset: 0x10000, fileOffset: 0xf000 }],
    });
  });

  it('T2: a flash size patched without refreshing the hash leaves the checksum valid', () => {
    const app = sampleApp();
    expect(parseImage(patched(app, 3, [0x4f]))).toMatchObject({
      kind: 'app',
      header: { flashSizeBytes: 16 * 1024 * 1024 },
      checksum: { status: 'valid' },
      hash: { status: 'invalid' },
    });
  });

  it('T3: an ESP8266 image whose bytes look like a chip id of the ESP32 family stays one', () => {
    // The low half of the first segment length stands where the chip id would: 0x0a20, low byte 32.
    const image = esp8266V1([
      [0x40100000, code(0xa20)],
      [0x3ffe8000, code(32)],
    ]);
    expect(image[12]).toBe(chips.find(({ name }) => name === 'esp32s31')?.id);
    expect(parseImage(image)).toMatchObject({ kind: 'esp8266-v1', checksum: { status: 'valid' } });
  });

  it('T3: a chip id counts with its high byte', () => {
    const segments = [[0x40080000, code(64)]] as const;
    expect(parseImage(assembleImage({ chipId: 0x0109, segments }))).toMatchObject({
      chip: { id: 0x0109, name: undefined },
    });
  });

  it("T4: Arduino's descriptor is a placeholder", () => {
    for (const project of ['arduino-lib-builder', 'esp32-arduino-lib-builder']) {
      expect(parseImage(sampleApp({ project }))).toMatchObject({
        descriptor: { placeholder: true, projectName: project },
      });
    }
    expect(parseImage(sampleApp())).toMatchObject({ descriptor: { placeholder: false } });
  });

  it('T5: a version that fills its field is read whole and marked', () => {
    const version = 'v9.9.9-'.padEnd(32, 'x');
    const app = patched(sampleApp(), 0x30, [...Buffer.from(version)]);
    expect(parseImage(app)).toMatchObject({
      descriptor: { version, unterminated: ['version'] },
      findings: [{ code: 'text-unterminated', severity: 'info' }],
    });
  });

  it('T5: a version that is not UTF-8 is read with replacement characters', () => {
    const app = patched(sampleApp({ version: '' }), 0x30, [0x31, 0xff, 0x07, 0x3c]);
    expect(parseImage(app)).toMatchObject({ descriptor: { version: '1\ufffd\u0007<' } });
  });

  it('T6: a bootloader is not an app', () => {
    expect(parseImage(sampleBootloader({ idfVersion: 'v5.5.1', version: 3 }))).toMatchObject({
      kind: 'bootloader',
      descriptor: { idfVersion: 'v5.5.1', version: 3, builtAt: '2026-01-01T12:00:00' },
    });
  });

  it('T7: tables, otadata, ELF and noise are named', () => {
    const noise = Buffer.concat(
      Array.from({ length: 512 }, (_, index) => createHash('sha256').update(`${index}`).digest()),
    );
    const elf = joined(Buffer.from('7f454c46010101', 'hex'), filled(64, 0));
    expect(parseImage(partitionTable()).kind).toBe('partition-table');
    expect(parseImage(otadata([1, 2])).kind).toBe('otadata');
    expect(parseImage(elf).kind).toBe('elf');
    expect(parseImage(noise)).toMatchObject({ kind: 'encrypted', sizeBytes: 16384 });
  });

  it.each([
    ['ff', filled(4096, 0xff)],
    ['zero', filled(100, 0)],
    ['data', code(19)],
  ] as const)('T8: trailing bytes (%s) are told and left out of the hash', (content, tail) => {
    const app = sampleApp();
    expect(parseImage(joined(app, tail))).toMatchObject({
      kind: 'app',
      imageBytes: app.length,
      hash: { status: 'valid' },
      signature: undefined,
      trailing: { fileOffset: app.length, sizeBytes: tail.length, content },
    });
  });

  it('T9: two flips in one bit position escape the checksum and not the hash', () => {
    const app = sampleApp();
    const at = app.length - 100;
    const flipped = patched(app, at, [(app[at] ?? 0) ^ 4, (app[at + 1] ?? 0) ^ 4]);
    expect(parseImage(flipped)).toMatchObject({
      checksum: { status: 'valid' },
      hash: { status: 'invalid' },
    });
  });

  it('T10: an unknown chip is shown, not refused', () => {
    const segments = [[0x40080000, code(64)]] as const;
    expect(parseImage(assembleImage({ chipId: 0x7f7f, segments }))).toMatchObject({
      kind: 'image',
      chip: { id: 0x7f7f, name: undefined },
      checksum: { status: 'valid' },
      hash: { status: 'valid' },
      findings: [{ code: 'unknown-chip', severity: 'warning' }],
    });
  });

  it('T10: a chip that was never sold is named and marked', () => {
    const segments = [[0x40080000, code(64)]] as const;
    expect(parseImage(assembleImage({ chipId: 14, segments }))).toMatchObject({
      chip: { name: 'esp32h2beta2', retired: true },
      findings: [{ code: 'retired-chip' }],
    });
  });

  it('T11: a secure version uses all 32 bits', () => {
    expect(parseImage(sampleApp({ secureVersion: 0xffffffff }))).toMatchObject({
      descriptor: { secureVersion: 4294967295 },
    });
  });

  it('T12: a partition table elsewhere than 0x8000 is found', () => {
    const file = mergedFile();
    const moved = joined(
      file.subarray(0, 0x8000),
      filled(0x4000, 0xff),
      file.subarray(0x8000, 0x9000),
      filled(0x3000, 0xff),
      file.subarray(0x10000),
    );
    expect(parseImage(moved)).toMatchObject({
      kind: 'merged',
      tableOffset: 0xc000,
      apps: [{ label: 'ota_0' }],
    });
  });

  it("T13: the eight bytes that Arduino patches in do not break the app's checksum", () => {
    expect(parseImage(esp8266Arduino())).toMatchObject({
      kind: 'esp8266-v1',
      layout: 'arduino',
      checksum: { status: 'valid' },
      app: { checksum: { status: 'valid' }, crc: { status: 'valid' }, fileOffset: 0x1000 },
    });
  });
});
