import { isFilledWith, u32 } from '../bytes.ts';
import { crc32 } from '../checksum.ts';
import type { ImageFinding } from '../finding.ts';

/** Size of the otadata partition and of `ota_data_initial.bin`: two flash sectors. */
export const otadataBytes = 0x2000;
const sectorBytes = 0x1000;
const recordBytes = 32;

/** `esp_ota_img_states_t`. */
const states: Readonly<Record<number, string>> = {
  0: 'new',
  1: 'pending-verify',
  2: 'valid',
  3: 'invalid',
  4: 'aborted',
  4294967295: 'undefined',
};

/** One of the two records (`esp_ota_select_entry_t`): the active slot is (sequence - 1) modulo slots. */
export interface OtadataRecord {
  readonly sector: 0 | 1;
  readonly sequence: number;
  readonly state: string;
  readonly crc: 'valid' | 'invalid';
}

/** The partition that says which slot boots. No records: blank, the factory app or the first slot boots. */
export interface OtadataFile {
  readonly kind: 'otadata';
  readonly sizeBytes: number;
  readonly records: readonly OtadataRecord[];
  readonly findings: readonly ImageFinding[];
}

/** Reads bytes as otadata: right size, every sector blank or holding one record, and no other content. */
export function parseOtadata(bytes: Uint8Array): OtadataFile | undefined {
  if (bytes.length !== otadataBytes) return undefined;
  const records: OtadataRecord[] = [];
  for (const sector of [0, 1] as const) {
    const at = sector * sectorBytes;
    if (!isFilledWith(bytes, 0xff, at + recordBytes, at + sectorBytes)) return undefined;
    if (isFilledWith(bytes, 0xff, at, at + recordBytes)) continue;
    const sequence = u32(bytes, at);
    records.push({
      sector,
      sequence,
      state: states[u32(bytes, at + 24)] ?? 'unknown',
      // ESP-IDF `bootloader_common_ota_select_crc`: only the sequence is covered.
      crc:
        crc32(bytes.subarray(at, at + 4), 0xffffffff) === u32(bytes, at + 28) ? 'valid' : 'invalid',
    });
  }
  const findings = records
    .filter(({ crc }) => crc === 'invalid')
    .map(({ sector }) => ({
      code: 'otadata-entry' as const,
      severity: 'error' as const,
      message: `the record in sector ${sector} has a wrong CRC, so the bootloader ignores it`,
    }));
  return { kind: 'otadata', sizeBytes: bytes.length, records, findings };
}
