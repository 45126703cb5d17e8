import { fixedText, hex, u8, u16, u32 } from '../bytes.ts';
import { type FlashMode, flashModes } from '../flash-settings.ts';
import { parseBuildTime } from './build-time.ts';

/** Where a descriptor stands in the file: image header (24) and segment header (8) come first. */
export const descriptorOffset = 0x20;
/** `ESP_APP_DESC_MAGIC_WORD`. */
export const appDescriptorMagic = 0xabcd5432;
export const appDescriptorBytes = 256;

/** `esp_app_desc_t`. Texts are as found in the file: not trusted, and not fit for a terminal. */
export interface AppDescriptor {
  readonly secureVersion: number;
  readonly version: string;
  readonly projectName: string;
  /** As the compiler wrote it, `Jan  1 2026`; empty in reproducible builds. */
  readonly date: string;
  readonly time: string;
  /** Date and time as `2026-01-01T12:00:00`, in the unknown time zone of the build machine. */
  readonly builtAt: string | undefined;
  readonly idfVersion: string;
  /** SHA-256 of the ELF file, lowercase hex. */
  readonly elfSha256: string;
  /** major * 100 + minor (ESP-IDF 5.1 and newer). */
  readonly minEfuseBlockRevision: number;
  readonly maxEfuseBlockRevision: number;
  /** ESP-IDF 5.4 and newer. */
  readonly mmuPageSizeBytes: number | undefined;
  /** ESP-IDF 6.1 and newer: an update with another flash mode is refused by the device. */
  readonly flashMode: FlashMode | undefined;
  /**
   * The descriptor of Arduino's precompiled core: project, version and date are those of the core, not
   * of the firmware.
   */
  readonly placeholder: boolean;
  /** Fields that fill all their bytes, so that their end may be missing. */
  readonly unterminated: readonly string[];
}

const arduinoProjects = new Set(['arduino-lib-builder', 'esp32-arduino-lib-builder']);

/** The app descriptor at 0x20, or `undefined` when there is none. Source: ESP-IDF `esp_app_desc.h`. */
export function parseAppDescriptor(bytes: Uint8Array): AppDescriptor | undefined {
  const at = descriptorOffset;
  if (bytes.length < at + appDescriptorBytes || u32(bytes, at) !== appDescriptorMagic) return;
  const projectName = fixedText(bytes, at + 48, 32);
  const time = fixedText(bytes, at + 80, 16);
  const date = fixedText(bytes, at + 96, 16);
  const mmuPageLog2 = u8(bytes, at + 180);
  const flashModeCode = u8(bytes, at + 181);
  return {
    secureVersion: u32(bytes, at + 4),
    version: fixedText(bytes, at + 16, 32),
    projectName,
    date,
    time,
    builtAt: parseBuildTime(date, time),
    idfVersion: fixedText(bytes, at + 112, 32),
    elfSha256: hex(bytes.subarray(at + 144, at + 176)),
    minEfuseBlockRevision: u16(bytes, at + 176),
    maxEfuseBlockRevision: u16(bytes, at + 178),
    mmuPageSizeBytes: mmuPageLog2 >= 12 && mmuPageLog2 <= 20 ? 1 << mmuPageLog2 : undefined,
    flashMode: flashModeCode === 0 ? undefined : flashModes[flashModeCode],
    placeholder: arduinoProjects.has(projectName),
    unterminated: textFields
      .filter(([, offset, size]) => !bytes.subarray(at + offset, at + offset + size).includes(0))
      .map(([name]) => name),
  };
}

const textFields = [
  ['version', 16, 32],
  ['project_name', 48, 32],
  ['idf_ver', 112, 32],
] as const;

/** The build cuts version and project name to this many bytes (CMake `SUBSTRING 0 31`). */
const cutBytes = 31;

/** Whether a text from a descriptor is the given one, or the start of it that the build left. */
export function sameCutText(inImage: string, whole: string): boolean {
  if (inImage === whole) return true;
  // The cut can fall inside a character.
  return (
    Buffer.byteLength(inImage) >= cutBytes && whole.startsWith(inImage.replace(/\uFFFD+$/, ''))
  );
}
