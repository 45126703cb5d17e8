import {
  appDescriptorBytes,
  descriptorOffset,
  parseAppDescriptor,
} from '../../core/image/esp/app-descriptor.ts';
import { createFingerprinter, type Fingerprint } from '../../core/integrity.ts';

/** What went wrong on the device, by the name that ESP-IDF has for it. */
export class DeviceError extends Error {
  readonly espName: string;
  constructor(espName: string, message: string) {
    super(message);
    this.espName = espName;
  }
}

export interface ExpectedImage {
  readonly version: string;
  readonly sizeBytes?: number;
  readonly sha256?: string;
}

/** The slot that an update is written to: it keeps what is needed to check and to boot the image, not its bytes. */
export interface ImageSlot {
  readonly receivedBytes: number;
  write(bytes: Uint8Array): void;
  /** Checks what was written, as often as it is asked. Returns the version that runs after a boot. */
  finish(): string;
}

const headBytes = descriptorOffset + appDescriptorBytes;
const imageMagic = 0xe9;

/** @param damage whether a bit flips on the way */
export function openSlot(expected: ExpectedImage, slotBytes: number, damage: boolean): ImageSlot {
  if (expected.sizeBytes !== undefined && expected.sizeBytes > slotBytes) {
    throw new DeviceError(
      'ESP_ERR_INVALID_SIZE',
      `${expected.sizeBytes} bytes do not fit the slot`,
    );
  }
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
        throw new DeviceError('ESP_ERR_INVALID_SIZE', 'the image does not fit the slot');
      }
      if (receivedBytes < headBytes) {
        head.set(bytes.subarray(0, headBytes - receivedBytes), receivedBytes);
      }
      const damaged = damage && receivedBytes === 0 && bytes.length > 0;
      fingerprinter.update(
        damaged ? Uint8Array.of((bytes[0] ?? 0) ^ 1, ...bytes.subarray(1)) : bytes,
      );
      receivedBytes += bytes.length;
    },
    finish() {
      digest ??= fingerprinter.digest();
      const { sizeBytes, sha256 } = digest;
      if (expected.sizeBytes !== undefined && sizeBytes !== expected.sizeBytes) {
        throw new DeviceError('ESP_ERR_INVALID_SIZE', `got ${sizeBytes} bytes`);
      }
      if (expected.sha256 !== undefined && sha256 !== expected.sha256) {
        throw new DeviceError('ESP_ERR_OTA_VALIDATE_FAILED', 'the SHA-256 is wrong');
      }
      if (head[0] !== imageMagic) {
        throw new DeviceError('ESP_ERR_OTA_VALIDATE_FAILED', 'this is no image');
      }
      const version = parseAppDescriptor(head)?.version;
      return version === undefined || version === '' ? expected.version : version;
    },
  };
}
