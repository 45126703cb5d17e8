/** What the toolkit knows of a chip. `id` stands in the image header, byte 12 (`esp_chip_id_t`). */
export interface Chip {
  readonly id: number;
  /** As ESP-IDF writes it in CONFIG_IDF_TARGET: `esp32s3`. */
  readonly name: string;
  /** Where the boot ROM expects the second-stage bootloader in flash (CONFIG_BOOTLOADER_OFFSET_IN_FLASH). */
  readonly bootloaderOffset: number;
  /** How high the anti-rollback eFuse can count (ESP-IDF `Kconfig.app_rollback`); 16 unless told. */
  readonly secureVersionSteps?: number;
  /** `chipFamily` in an esp-web-tools manifest; absent where that tool does not flash the chip. */
  readonly webToolsFamily?: string;
  /** Part numbers that carry this silicon under another name, without dashes. */
  readonly aliases?: readonly string[];
  /** Only in images of early silicon; never in new ones. */
  readonly retired?: true;
}

export const chips: readonly Chip[] = [
  {
    id: 0,
    name: 'esp32',
    bootloaderOffset: 0x1000,
    secureVersionSteps: 32,
    webToolsFamily: 'ESP32',
    aliases: ['esp32d0wd', 'esp32d0wdq6', 'esp32d2wd', 'esp32s0wd', 'esp32u4wdh'],
  },
  { id: 2, name: 'esp32s2', bootloaderOffset: 0x1000, webToolsFamily: 'ESP32-S2' },
  {
    id: 5,
    name: 'esp32c3',
    bootloaderOffset: 0x0,
    webToolsFamily: 'ESP32-C3',
    aliases: ['esp8685'],
  },
  { id: 9, name: 'esp32s3', bootloaderOffset: 0x0, webToolsFamily: 'ESP32-S3' },
  {
    id: 12,
    name: 'esp32c2',
    bootloaderOffset: 0x0,
    secureVersionSteps: 4,
    webToolsFamily: 'ESP32-C2',
    aliases: ['esp8684'],
  },
  { id: 13, name: 'esp32c6', bootloaderOffset: 0x0, webToolsFamily: 'ESP32-C6' },
  { id: 16, name: 'esp32h2', bootloaderOffset: 0x0, webToolsFamily: 'ESP32-H2' },
  { id: 18, name: 'esp32p4', bootloaderOffset: 0x2000, webToolsFamily: 'ESP32-P4' },
  { id: 20, name: 'esp32c61', bootloaderOffset: 0x0, webToolsFamily: 'ESP32-C61' },
  {
    id: 23,
    name: 'esp32c5',
    bootloaderOffset: 0x2000,
    secureVersionSteps: 9,
    webToolsFamily: 'ESP32-C5',
  },
  { id: 25, name: 'esp32h21', bootloaderOffset: 0x0 },
  { id: 28, name: 'esp32h4', bootloaderOffset: 0x2000 },
  { id: 31, name: 'esp32e22', bootloaderOffset: 0x0 },
  { id: 32, name: 'esp32s31', bootloaderOffset: 0x2000 },
  { id: 4, name: 'esp32s3beta2', bootloaderOffset: 0x0, retired: true },
  { id: 7, name: 'esp32c6beta', bootloaderOffset: 0x0, retired: true },
  { id: 10, name: 'esp32h2beta1', bootloaderOffset: 0x0, retired: true },
  { id: 14, name: 'esp32h2beta2', bootloaderOffset: 0x0, retired: true },
  { id: 17, name: 'esp32c5beta3', bootloaderOffset: 0x0, retired: true },
];

/** The one chip whose images carry no chip id. */
export const esp8266: Omit<Chip, 'id'> = {
  name: 'esp8266',
  bootloaderOffset: 0x0,
  webToolsFamily: 'ESP8266',
  aliases: ['esp8285', 'esp01', 'esp12e', 'esp12f', 'nodemcu', 'nodemcuv2', 'd1mini'],
};

/** Words that people put behind a chip's name to say which module or board carries it. */
const moduleWords = /^(?:dev|pico|mini|wroom|wrover|solo|devkit|devkitc|devkitm|module)/;

/** The chip with an id, retired ones included. */
export function chipById(id: number): Chip | undefined {
  return chips.find((chip) => chip.id === id);
}

/**
 * The canonical name (`esp32s3`, `esp8266`) of what a person calls a chip: case and punctuation do not
 * count (`ESP32-S3`), part numbers and module names are understood (`ESP8685`, `ESP32-S3-WROOM-1`).
 * `undefined` when the words name no chip, such as a product's own board.
 */
export function parseChipName(words: string): string | undefined {
  const plain = words.toLowerCase().replace(/[^a-z0-9]/g, '');
  const all = [...chips, esp8266];
  const exact = all.find(({ name, aliases }) => name === plain || aliases?.includes(plain));
  if (exact !== undefined) return exact.name;
  return all
    .map(({ name }) => name)
    .sort((a, b) => b.length - a.length)
    .find((name) => plain.startsWith(name) && moduleWords.test(plain.slice(name.length)));
}

/** `esp32s3` as Espressif prints it: `ESP32-S3`. */
export function chipDisplayName(name: string): string {
  return name.toUpperCase().replace(/^ESP32(?=.)/, 'ESP32-');
}
