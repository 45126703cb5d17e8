import { u8, u16, u32 } from '../bytes.ts';
import { chipById } from '../chips.ts';
import {
  type FlashMode,
  flashFrequencyMhz,
  flashModes,
  flashSizeBytes,
} from '../flash-settings.ts';

/** First byte of an ESP image (`ESP_IMAGE_HEADER_MAGIC`). */
export const imageMagic = 0xe9;
/** Common and extended header together (`esp_image_header_t`). */
export const headerBytes = 24;
/** The bootloader loads no image with more (`ESP_IMAGE_MAX_SEGMENTS`). */
export const maxSegments = 16;

/** `esp_image_header_t`. A setting whose code has no meaning is `undefined`. */
export interface ImageHeader {
  readonly segmentCount: number;
  readonly flashMode: FlashMode | undefined;
  readonly flashSizeBytes: number | undefined;
  readonly flashFrequencyMhz: number | undefined;
  readonly entryAddress: number;
  /** 0xEE: not used. */
  readonly wpPin: number;
  readonly chipId: number;
  /** major * 100 + minor. */
  readonly minChipRevision: number;
  /** major * 100 + minor; 0 and 65535 mean "no limit". */
  readonly maxChipRevision: number;
  /** 1: a SHA-256 follows the checksum; 0: none; anything else is invalid. */
  readonly hashFlag: number;
}

/** Reads the 24 bytes at the start; the caller has checked that they are there. */
export function parseHeader(bytes: Uint8Array): ImageHeader {
  const chipId = u16(bytes, 12);
  return {
    segmentCount: u8(bytes, 1),
    flashMode: flashModes[u8(bytes, 2)],
    flashSizeBytes: flashSizeBytes(u8(bytes, 3) >> 4),
    flashFrequencyMhz: flashFrequencyMhz(chipById(chipId)?.name, u8(bytes, 3) & 0xf),
    entryAddress: u32(bytes, 4),
    wpPin: u8(bytes, 8),
    chipId,
    minChipRevision: u16(bytes, 15),
    maxChipRevision: u16(bytes, 17),
    hashFlag: u8(bytes, 23),
  };
}

/** `v3.99`: how Espressif writes a chip revision of major * 100 + minor. */
export function formatChipRevision(revision: number): string {
  return `v${Math.floor(revision / 100)}.${revision % 100}`;
}
