/** What the toolkit knows of a chip. `id` stands in the image header, byte 12 (`esp_chip_id_t`). */
export interface Chip {
  readonly id: number;
  readonly name: string;
  /** Where the boot ROM expects the second-stage bootloader in flash (CONFIG_BOOTLOADER_OFFSET_IN_FLASH). */
  readonly bootloaderOffset: number;
  /** Only in images of early silicon; never in new ones. */
  readonly retired?: true;
}

export const chips: readonly Chip[] = [
  { id: 0, name: 'esp32', bootloaderOffset: 0x1000 },
  { id: 2, name: 'esp32s2', bootloaderOffset: 0x1000 },
  { id: 5, name: 'esp32c3', bootloaderOffset: 0x0 },
  { id: 9, name: 'esp32s3', bootloaderOffset: 0x0 },
  { id: 12, name: 'esp32c2', bootloaderOffset: 0x0 },
  { id: 13, name: 'esp32c6', bootloaderOffset: 0x0 },
  { id: 16, name: 'esp32h2', bootloaderOffset: 0x0 },
  { id: 18, name: 'esp32p4', bootloaderOffset: 0x2000 },
  { id: 20, name: 'esp32c61', bootloaderOffset: 0x0 },
  { id: 23, name: 'esp32c5', bootloaderOffset: 0x2000 },
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
