import {
  appDescriptorBytes,
  descriptorOffset,
  parseAppDescriptor,
} from '../../core/image/esp/app-descriptor.ts';
import { createFingerprinter, type Fingerprint } from '../../core/integrity.ts';
import type { PublicKey } from '../../core/signing/key.ts';
import { DeviceError } from './device-error.ts';

import { openSignatureCheck } from './signature-check.ts';
import { type BootImage, lowerThan } from './slots.ts';

export interface ExpectedImage {
  readonly version: string;
  readonly sizeBytes?: number;
  readonly sha256?: string;
  /** Base64, over the whole image (docs/signing.md, The signature in an offer). */
  readonly signature?: string;
}

export interface SlotOptions {
  readonly slotBytes: number;
  /** ECDSA or RSA. An image must be signed by one of them; without any, signatures are not looked at. */
  readonly keys: readonly PublicKey[];
  /** An image with a lower `secure_version` is refused (ESP-IDF `esp_ota_set_boot_partition`). */
  readonly secureVersion: number;
  /** Whether a bit flips on the way. */
  readonly damage: boolean;
}

/** The slot that an update is written to: it keeps what is needed to check and to boot the image, not its bytes. */
export interface ImageSlot {
  readonly receivedBytes: number;
  write(bytes: Uint8Array): void;
  /** Checks what was written, as often as it is asked. Returns what runs after a boot. */
  finish(): BootImage;
}

const headBytes = descriptorOffset + appDescriptorBytes;
const imageMagic = 0xe9;

/** @throws DeviceError when it is known before the first byte that the image will not be taken */
export function openSlot(expected: ExpectedImage, options: SlotOptions): ImageSlot {
  const { slotBytes } = options;
  if (expected.sizeBytes !== undefined && expected.sizeBytes > slotBytes) {
    throw invalidSize(`${expected.sizeBytes} bytes do not fit the slot`);
  }
  const signature = openSignatureCheck(expected.signature, options.keys);
  const fingerprinter = createFingerprinter();
  const head = Buffer.alloc(headBytes);
  let receivedBytes = 0;
  let digest: Fingerprint | undefined;
  return {
    get receivedBytes() {
      return receivedBytes;
    },
    write(bytes) {
      if (receivedBytes + bytes.length > slotBytes) {
        throw invalidSize('the image does not fit the slot');
      }
      const damaged = options.damage && receivedBytes === 0 && bytes.length > 0;
      const written = damaged ? Uint8Array.of((bytes[0] ?? 0) ^ 1, ...bytes.subarray(1)) : bytes;
      if (receivedBytes < headBytes) {
        head.set(written.subarray(0, headBytes - receivedBytes), receivedBytes);
      }
      fingerprinter.update(written);
      signature.update(written);
      receivedBytes += bytes.length;
    },
    finish() {
      digest ??= fingerprinter.digest();
      checkFingerprint(digest, expected);
      signature.finish();
      if (head[0] !== imageMagic) throw invalidImage('this is no image');
      const { version = '', secureVersion = 0 } = parseAppDescriptor(head) ?? {};
      if (secureVersion < options.secureVersion) {
        const lower = lowerThan(options.secureVersion, { secureVersion });
        throw new DeviceError('ESP_ERR_OTA_SMALL_SEC_VER', `the image has ${lower}`);
      }
      const { sha256 } = digest;
      return { version: version === '' ? expected.version : version, secureVersion, sha256 };
    },
  };
}

function checkFingerprint({ sizeBytes, sha256 }: Fingerprint, expected: ExpectedImage): void {
  if (expected.sizeBytes !== undefined && sizeBytes !== expected.sizeBytes) {
    throw invalidSize(`got ${sizeBytes} bytes`);
  }
  if (expected.sha256 !== undefined && sha256 !== expected.sha256) {
    throw invalidImage('the SHA-256 is wrong');
  }
}

function invalidSize(message: string): DeviceError {
  return new DeviceError('ESP_ERR_INVALID_SIZE', message);
}

function invalidImage(message: string): DeviceError {
  return new DeviceError('ESP_ERR_OTA_VALIDATE_FAILED', message);
}
