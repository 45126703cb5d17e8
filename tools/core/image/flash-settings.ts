/** Codes of the flash settings in an image header, bytes 2 and 3. Source: esptool `targets/*.py`. */

export const flashModes = ['qio', 'qout', 'dio', 'dout', 'fast_read', 'slow_read'] as const;
export type FlashMode = (typeof flashModes)[number];

const mebibyte = 1024 * 1024;

/** High nibble of byte 3, ESP32 family: 1 MB shifted by the code, 0 to 7. */
export function flashSizeBytes(nibble: number): number | undefined {
  return nibble <= 7 ? mebibyte << nibble : undefined;
}

/** High nibble of byte 3, ESP8266; 5 and 6 are the "c1" layouts of 2 and 4 MB. */
const esp8266FlashKilobytes: Readonly<Record<number, number>> = {
  0: 512,
  1: 256,
  2: 1024,
  3: 2048,
  4: 4096,
  5: 2048,
  6: 4096,
  8: 8192,
  9: 16384,
};

export function esp8266FlashSizeBytes(nibble: number): number | undefined {
  const kilobytes = esp8266FlashKilobytes[nibble];
  return kilobytes === undefined ? undefined : kilobytes * 1024;
}

type Frequencies = Readonly<Record<number, number>>;
const commonFrequencies: Frequencies = { 15: 80, 0: 40, 1: 26, 2: 20 };
const h2Frequencies: Frequencies = { 15: 48, 0: 24, 1: 16, 2: 12 };
const c5Frequencies: Frequencies = { 15: 80, 0: 40, 2: 20 };

const frequenciesByChip: Readonly<Record<string, Frequencies>> = {
  esp32c2: { 15: 60, 0: 30, 1: 20, 2: 15 },
  esp32h2: h2Frequencies,
  esp32h4: h2Frequencies,
  esp32c5: c5Frequencies,
  esp32c61: c5Frequencies,
  // The C6 writes 0 for 80 MHz and for 40 MHz alike (ROM workaround), so 0 tells nothing.
  esp32c6: { 2: 20 },
};

/** Flash clock in MHz for the low nibble of byte 3; `undefined` when the code does not tell. */
export function flashFrequencyMhz(chip: string | undefined, nibble: number): number | undefined {
  return (frequenciesByChip[chip ?? ''] ?? commonFrequencies)[nibble];
}
