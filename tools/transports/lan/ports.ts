import { chips } from '../../core/image/chips.ts';
import { type ChipFamily, usualPorts } from './device.ts';

/**
 * The ports to try. One that was given is the only one. Else the usual one of the image's chip comes first;
 * when it refuses, the other: an image without a telling header, or a device set up unusually.
 */
export function choosePorts(
  given: number | undefined,
  family: ChipFamily,
  { esp32, esp8266 }: Readonly<Record<ChipFamily, number>> = usualPorts,
): readonly number[] {
  if (given !== undefined) return [given];
  return family === 'esp8266' ? [esp8266, esp32] : [esp32, esp8266];
}

/**
 * Which family an image is for. An ESP8266 image has the same magic, but its segments begin at byte 8, where
 * an ESP32 image has its extended header: a chip id that exists at byte 12, and 0 or 1 at byte 23.
 */
export function familyOf(image: Uint8Array): ChipFamily {
  const [magic] = image;
  // ESP8266 images of the second kind; only the ESP8266 takes a gzip file.
  if (magic === 0xea || isGzip(image)) return 'esp8266';
  if (magic !== 0xe9 || image.length < 24) return 'esp32';
  const chipId = (image[12] ?? 0) | ((image[13] ?? 0) << 8);
  const hashAppended = image[23] ?? 0;
  return hashAppended <= 1 && chips.some(({ id }) => id === chipId) ? 'esp32' : 'esp8266';
}

/** RFC 1952 §2.3.1. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}
