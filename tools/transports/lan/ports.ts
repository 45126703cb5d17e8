import { chipOf } from '../../core/image/image-chip.ts';
import { parseImage } from '../../core/image/parse-image.ts';
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

/** Which family an image is for. A file that does not tell is taken to be for the larger one. */
export function familyOf(image: Uint8Array): ChipFamily {
  // Only the ESP8266 takes a compressed image; its boot loader unpacks it.
  if (isGzip(image)) return 'esp8266';
  return chipOf(parseImage(image))?.name === 'esp8266' ? 'esp8266' : 'esp32';
}

/** RFC 1952 §2.3.1. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}
