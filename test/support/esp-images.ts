import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { assembleImage } from '../../tools/core/image/building/assemble-image.ts';
import { buildImage, type ImageDescription } from '../../tools/core/image/building/build-image.ts';
import { chips } from '../../tools/core/image/chips.ts';

/** A small valid app; a test changes one thing. */
export function sampleApp(changes: Partial<ImageDescription> = {}): Uint8Array {
  return buildImage({ chip: 'esp32c3', project: 'blinky', version: '1.2.3', ...changes });
}

/** A copy with some bytes replaced. */
export function patched(bytes: Uint8Array, offset: number, values: readonly number[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(values, offset);
  return copy;
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

export function filled(sizeBytes: number, value: number): Uint8Array {
  return new Uint8Array(sizeBytes).fill(value);
}

/** A segment's worth of bytes without meaning. */
export function code(sizeBytes: number, seed = 7): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, index) => (index * 37 + seed) & 0xff);
}

function chipId(name: string): number {
  const chip = chips.find((candidate) => candidate.name === name);
  if (chip === undefined) throw new RangeError(`no chip ${name}`);
  return chip.id;
}

export interface BootloaderDescription {
  readonly chip?: string;
  readonly idfVersion?: string;
  readonly version?: number;
  readonly secureVersion?: number;
  readonly sizeBytes?: number;
}

/** A bootloader with its descriptor (ESP-IDF 5.2 and newer). */
export function sampleBootloader(description: BootloaderDescription = {}): Uint8Array {
  const descriptor = Buffer.alloc(80);
  descriptor[0] = 0x50;
  descriptor[3] = description.secureVersion ?? 0;
  descriptor.writeUInt32LE(description.version ?? 1, 4);
  descriptor.write(description.idfVersion ?? 'v5.4', 8);
  descriptor.write('Jan  1 2026 12:00:00', 40);
  const segments = [
    [0x3fcd5810, descriptor],
    [0x403cc710, code(description.sizeBytes ?? 64)],
  ] as const;
  return assembleImage({ chipId: chipId(description.chip ?? 'esp32c3'), segments });
}

/** A valid image without any descriptor: what other frameworks and older bootloaders look like. */
export function sampleBareImage(chip = 'esp32', hashAppended = true): Uint8Array {
  const segments = [[0x40080000, code(128)]] as const;
  return assembleImage({ chipId: chipId(chip), segments, hashAppended });
}

export function rsaKey(): KeyObject {
  return generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey;
}

export type Curve = 'prime192v1' | 'prime256v1' | 'secp384r1';

export function ecKey(namedCurve: Curve): KeyObject {
  return generateKeyPairSync('ec', { namedCurve }).privateKey;
}
