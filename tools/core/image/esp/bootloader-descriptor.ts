import { fixedText, isFilledWith, u8, u32 } from '../bytes.ts';
import { descriptorOffset } from './app-descriptor.ts';
import { parseBuildTime } from './build-time.ts';

/** `ESP_BOOTLOADER_DESC_MAGIC_BYTE`. */
const bootloaderMagic = 0x50;
const bootloaderDescriptorBytes = 80;

/** `esp_bootloader_desc_t` (ESP-IDF 5.2 and newer). */
export interface BootloaderDescriptor {
  /** The bootloader's own anti-rollback version (ESP-IDF 5.5 and newer, else 0). */
  readonly secureVersion: number;
  /** CONFIG_BOOTLOADER_PROJECT_VER. */
  readonly version: number;
  readonly idfVersion: string;
  /** As the compiler wrote it: `Jul 23 2026 10:00:00`. */
  readonly dateTime: string;
  readonly builtAt: string | undefined;
}

/**
 * The bootloader descriptor at 0x20, or `undefined`. Its magic is a single byte, so the fields around it
 * must look like a descriptor too. Source: ESP-IDF `esp_bootloader_desc.h`.
 */
export function parseBootloaderDescriptor(bytes: Uint8Array): BootloaderDescriptor | undefined {
  const at = descriptorOffset;
  if (bytes.length < at + bootloaderDescriptorBytes) return;
  const idfVersion = fixedText(bytes, at + 8, 32);
  const marked = u8(bytes, at) === bootloaderMagic && isFilledWith(bytes, 0, at + 1, at + 3);
  if (!marked || !/^[\x20-\x7e]+$/.test(idfVersion)) return;
  const dateTime = fixedText(bytes, at + 40, 24);
  return {
    secureVersion: u8(bytes, at + 3),
    version: u32(bytes, at + 4),
    idfVersion,
    dateTime,
    builtAt: parseBuildTime(dateTime.slice(0, 11), dateTime.slice(12)),
  };
}
