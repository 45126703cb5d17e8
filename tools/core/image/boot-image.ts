import { u32 } from './bytes.ts';
import {
  type AppDescriptor,
  appDescriptorBytes,
  parseAppDescriptor,
} from './esp/app-descriptor.ts';
import {
  type BootloaderDescriptor,
  parseBootloaderDescriptor,
} from './esp/bootloader-descriptor.ts';
import { type EspImage, parseEspImage } from './esp/esp-image.ts';
import { isEsp8266Address } from './esp8266/header.ts';
import { type Esp8266V1Image, parseEsp8266V1 } from './esp8266/v1.ts';
import type { ImageFinding } from './finding.ts';

/** An app of the ESP32 family: it has an app descriptor. */
export interface AppImage extends EspImage {
  readonly kind: 'app';
  readonly descriptor: AppDescriptor;
}

/** A second-stage bootloader of ESP-IDF 5.2 or newer: it has a bootloader descriptor. */
export interface BootloaderImage extends EspImage {
  readonly kind: 'bootloader';
  readonly descriptor: BootloaderDescriptor;
}

/** An image without a descriptor: an older bootloader, a RAM app, or an app of another framework. */
export interface BareImage extends EspImage {
  readonly kind: 'image';
}

/** Everything that begins with 0xE9 and that a boot ROM or bootloader would load. */
export type BootImage = AppImage | BootloaderImage | BareImage | Esp8266V1Image;

/**
 * Reads bytes that begin with 0xE9. The chip generation is not marked, so both readings are made and the
 * one that verifies is taken: the chip id counts with all its 16 bits (of ESP8266 images some look like an
 * ESP32-S31 by the low byte), the checksum decides, and where neither helps the load address does.
 */
export function parseBootImage(bytes: Uint8Array): BootImage | undefined {
  const image = parseEspImage(bytes);
  const old = parseEsp8266V1(bytes);
  if (image !== undefined && image.hash.status === 'valid') return describe(image, bytes);
  // Where an ESP8266 image has the address of its first segment, ESP32 images have pin settings.
  if (old !== undefined && isEsp8266Address(u32(bytes, 8))) {
    const certain =
      old.checksum.status !== 'valid' &&
      image?.checksum.status === 'valid' &&
      image.chip.name !== undefined;
    return certain ? describe(image, bytes) : old;
  }
  if (image === undefined) return undefined;
  const believable =
    image.checksum.status === 'valid' || image.header.hashFlag <= 1 || hasDescriptor(bytes);
  return believable ? describe(image, bytes) : undefined;
}

function hasDescriptor(bytes: Uint8Array): boolean {
  return (parseAppDescriptor(bytes) ?? parseBootloaderDescriptor(bytes)) !== undefined;
}

function describe(image: EspImage, bytes: Uint8Array): AppImage | BootloaderImage | BareImage {
  const app = parseAppDescriptor(bytes);
  if (app !== undefined) {
    const findings = [...image.findings, ...descriptorFindings(image, app)];
    return { kind: 'app', ...image, descriptor: app, findings };
  }
  const bootloader = parseBootloaderDescriptor(bytes);
  if (bootloader !== undefined) return { kind: 'bootloader', ...image, descriptor: bootloader };
  return { kind: 'image', ...image };
}

function descriptorFindings(image: EspImage, descriptor: AppDescriptor): ImageFinding[] {
  const findings: ImageFinding[] = descriptor.unterminated.map((field) => ({
    code: 'text-unterminated',
    severity: 'info',
    message: `the field ${field} of the app descriptor fills all its bytes and may be cut`,
  }));
  const first = image.segments[0];
  if (first !== undefined && first.sizeBytes < appDescriptorBytes) {
    findings.push({
      code: 'descriptor-segment',
      severity: 'error',
      message: `segment 0 has ${first.sizeBytes} bytes; the bootloader wants the ${appDescriptorBytes} of the app descriptor in it`,
    });
  }
  return findings;
}
