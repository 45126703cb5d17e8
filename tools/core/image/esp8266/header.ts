import { u8, u32 } from '../bytes.ts';
import {
  esp8266FlashSizeBytes,
  type FlashMode,
  flashFrequencyMhz,
  flashModes,
} from '../flash-settings.ts';

/** The 8 bytes at the start of a V1 image; there is no chip id, no hash flag and no descriptor. */
export interface Esp8266Header {
  readonly segmentCount: number;
  readonly flashMode: FlashMode | undefined;
  readonly flashSizeBytes: number | undefined;
  readonly flashFrequencyMhz: number | undefined;
  readonly entryAddress: number;
}

export const esp8266HeaderBytes = 8;

export function parseEsp8266Header(bytes: Uint8Array, offset: number): Esp8266Header {
  return {
    segmentCount: u8(bytes, offset + 1),
    flashMode: flashModes[u8(bytes, offset + 2)],
    flashSizeBytes: esp8266FlashSizeBytes(u8(bytes, offset + 3) >> 4),
    flashFrequencyMhz: flashFrequencyMhz('esp8266', u8(bytes, offset + 3) & 0xf),
    entryAddress: u32(bytes, offset + 4),
  };
}

/** Whether an address lies in the window through which the ESP8266 runs code from flash. */
export function isFlashAddress(address: number): boolean {
  return address >= 0x40200000 && address < 0x40300000;
}

/** Whether an address lies in the ESP8266's data RAM, instruction RAM or flash window. */
export function isEsp8266Address(address: number): boolean {
  return (
    (address >= 0x3ffe8000 && address < 0x40000000) ||
    (address >= 0x40100000 && address < 0x40110000) ||
    isFlashAddress(address)
  );
}
