import { describe, expect, it } from 'vitest';
import {
  chipById,
  chipDisplayName,
  chips,
  esp8266,
  parseChipName,
} from '../../tools/core/image/chips.ts';

describe('the chip table', () => {
  it('has every id and name once', () => {
    expect(new Set(chips.map(({ id }) => id)).size).toBe(chips.length);
    const names = [...chips, esp8266].flatMap(({ name, aliases = [] }) => [name, ...aliases]);
    expect(new Set(names).size).toBe(names.length);
  });

  it('gives every chip its id of esp_chip_id_t and the place of its bootloader', () => {
    const rows = chips.map(({ id, name, bootloaderOffset }) => [name, id, bootloaderOffset]);
    expect(rows).toEqual([
      ['esp32', 0, 0x1000],
      ['esp32s2', 2, 0x1000],
      ['esp32c3', 5, 0],
      ['esp32s3', 9, 0],
      ['esp32c2', 12, 0],
      ['esp32c6', 13, 0],
      ['esp32h2', 16, 0],
      ['esp32p4', 18, 0x2000],
      ['esp32c61', 20, 0],
      ['esp32c5', 23, 0x2000],
      ['esp32h21', 25, 0],
      ['esp32h4', 28, 0x2000],
      ['esp32e22', 31, 0],
      ['esp32s31', 32, 0x2000],
      ['esp32s3beta2', 4, 0],
      ['esp32c6beta', 7, 0],
      ['esp32h2beta1', 10, 0],
      ['esp32h2beta2', 14, 0],
      ['esp32c5beta3', 17, 0],
    ]);
  });

  it('finds chips by id, retired ones too', () => {
    expect(chipById(9)?.name).toBe('esp32s3');
    expect(chipById(17)).toMatchObject({ name: 'esp32c5beta3', retired: true });
    expect(chipById(0x7f7f)).toBeUndefined();
  });
});

describe('the name of a chip', () => {
  it.each([
    ['esp32', 'esp32'],
    ['ESP32-S3', 'esp32s3'],
    ['esp32_c6', 'esp32c6'],
    ['Esp32 C61', 'esp32c61'],
    ['ESP8685', 'esp32c3'],
    ['esp8684', 'esp32c2'],
    ['ESP8285', 'esp8266'],
    ['NodeMCU', 'esp8266'],
    ['esp32dev', 'esp32'],
    ['ESP32-WROOM-32', 'esp32'],
    ['ESP32-S3-WROOM-1', 'esp32s3'],
    ['esp32-c61-devkitc-1', 'esp32c61'],
  ])('%s means %s', (words, name) => {
    expect(parseChipName(words)).toBe(name);
  });

  it.each(['', 'gateway-rev-b', 'esp', 'esp33', 'esp32s5', 'esp32x', 'stm32'])(
    '"%s" names none',
    (words) => {
      expect(parseChipName(words)).toBeUndefined();
    },
  );

  it('is shown as Espressif prints it', () => {
    expect(['esp32', 'esp32s3', 'esp32c61', 'esp8266'].map(chipDisplayName)).toEqual([
      'ESP32',
      'ESP32-S3',
      'ESP32-C61',
      'ESP8266',
    ]);
  });
});
