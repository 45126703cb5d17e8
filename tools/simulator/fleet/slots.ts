import { DeviceError } from './device-error.ts';

/** An image in a slot, as far as it matters after a boot. */
export interface BootImage {
  readonly version: string;
  /** `secure_version` of the app descriptor. */
  readonly secureVersion: number;
  /** Lowercase hex; not known of the image that a device comes with. */
  readonly sha256?: string;
}

/**
 * What stands in the two slots of a device, and in its eFuse. Rollback and anti-rollback are those of ESP-IDF
 * (`esp_ota_ops.c`, CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK).
 */
export interface Slots {
  readonly running: BootImage;
  readonly onTrial: boolean;
  /** What the eFuse holds: images with a lower one never boot. */
  readonly secureVersion: number;
  /** An update begins: what stood in the other slot is lost. */
  eraseOther(): void;
  /** A new image runs, on trial; what ran stands in the other slot. */
  runNew(image: BootImage): void;
  /** The trial ends well: the eFuse is raised to the image's secure version. */
  confirm(): void;
  /** The image to go back to. Throws DeviceError when there is none that may boot. */
  rollbackTarget(): BootImage;
  /** It runs again; what ran is marked invalid, and never runs again. */
  rollBack(): void;
}

/** The eFuse field of an ESP32 has so many steps; a higher secure version cannot be burned. */
const mostSecureVersion = 32;

/** @param first runs in the beginning, and has raised the eFuse */
export function createSlots(first: BootImage): Slots {
  let running = first;
  let other: BootImage | undefined;
  let onTrial = false;
  let efuse = first.secureVersion;
  const rollbackTarget = (): BootImage => {
    if (other === undefined) throw rollbackFailed('there is no other image');
    if (other.secureVersion >= efuse) return other;
    throw rollbackFailed(`${other.version} has ${lowerThan(efuse, other)}`);
  };
  return {
    get running() {
      return running;
    },
    get onTrial() {
      return onTrial;
    },
    get secureVersion() {
      return efuse;
    },
    eraseOther() {
      other = undefined;
    },
    runNew(image) {
      other = running;
      running = image;
      onTrial = true;
    },
    confirm() {
      onTrial = false;
      const { secureVersion } = running;
      if (secureVersion <= mostSecureVersion) efuse = Math.max(efuse, secureVersion);
    },
    rollbackTarget,
    rollBack() {
      running = rollbackTarget();
      other = undefined;
      onTrial = false;
    },
  };
}

/** `secure version 1, the device demands 2`. */
export function lowerThan(demanded: number, { secureVersion }: { secureVersion: number }): string {
  return `secure version ${secureVersion}, the device demands ${demanded}`;
}

function rollbackFailed(message: string): DeviceError {
  return new DeviceError('ESP_ERR_OTA_ROLLBACK_FAILED', message);
}
