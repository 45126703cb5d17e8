import type { AppImage, BareImage, BootloaderImage } from './boot-image.ts';
import type { Esp8266V1Image } from './esp8266/v1.ts';
import type { Esp8266V2Image } from './esp8266/v2.ts';
import type { ImageFinding } from './finding.ts';
import type { DeltaPatch } from './foreign/delta-patch.ts';
import type { ElfFile } from './foreign/elf.ts';
import type { EncryptedFile } from './foreign/encrypted.ts';
import type { EmptyFile, UnknownFile } from './foreign/unknown.ts';
import type { MergedImage } from './merged.ts';
import type { OtadataFile } from './partitions/otadata.ts';
import type { PartitionTable } from './partitions/table.ts';

export interface PartitionTableFile {
  readonly kind: 'partition-table';
  readonly sizeBytes: number;
  readonly table: PartitionTable;
  readonly findings: readonly ImageFinding[];
}

/** What a file can turn out to be. Every member has `kind`, `sizeBytes` and `findings`. */
export type FirmwareFile =
  | AppImage
  | BootloaderImage
  | BareImage
  | Esp8266V1Image
  | Esp8266V2Image
  | MergedImage
  | PartitionTableFile
  | OtadataFile
  | ElfFile
  | DeltaPatch
  | EncryptedFile
  | EmptyFile
  | UnknownFile;

export type FirmwareKind = FirmwareFile['kind'];

/** What people call a kind, with its article: for messages. */
export const kindNames: Readonly<Record<FirmwareKind, string>> = {
  app: 'an app image',
  bootloader: 'a bootloader',
  image: 'an image without descriptor',
  'esp8266-v1': 'an ESP8266 image',
  'esp8266-v2': 'an ESP8266 app (V2)',
  merged: 'a merged image',
  'partition-table': 'a partition table',
  otadata: 'an otadata partition',
  elf: 'an ELF file',
  'delta-patch': 'a delta patch',
  encrypted: 'an encrypted file (suspected)',
  empty: 'an empty file',
  unknown: 'an unknown file',
};
