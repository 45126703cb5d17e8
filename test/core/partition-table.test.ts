import { describe, expect, it } from 'vitest';
import { parseImage } from '../../tools/core/image/parse-image.ts';
import {
  defaultBootSlot,
  fixedAppSlots,
  otadataPartition,
  otaSlots,
  smallestOtaSlot,
} from '../../tools/core/image/partitions/partition.ts';
import { checkPartitions } from '../../tools/core/image/partitions/rules.ts';
import { parsePartitionTable } from '../../tools/core/image/partitions/table.ts';
import { partitionSubtypeName } from '../../tools/core/image/partitions/types.ts';
import { joined, patched } from '../support/esp-images.ts';
import { factorySlot, partitionTable, type Row, twoSlots } from '../support/flash-files.ts';

function read(rows: readonly Row[]) {
  return parsePartitionTable(partitionTable(rows));
}

function changed(label: string, change: Partial<Row>): Row[] {
  return twoSlots.map((row) => (row.label === label ? { ...row, ...change } : row));
}

function problems(rows: readonly Row[]): string[] {
  return read(rows).findings.map(({ message }) => message);
}

describe('a binary partition table', () => {
  it('is read entry by entry', () => {
    const table = read([...twoSlots, { ...factorySlot, flags: 3 }]);
    expect(table).toMatchObject({ format: 'binary', md5: 'valid', endMarker: true, findings: [] });
    expect(table.partitions[1]).toEqual({
      label: 'otadata',
      type: 1,
      subtype: 0,
      typeName: 'data',
      subtypeName: 'ota',
      offset: 0xd000,
      sizeBytes: 0x2000,
      encrypted: false,
      readonly: false,
    });
    expect(table.partitions.at(-1)).toMatchObject({
      subtypeName: 'factory',
      encrypted: true,
      readonly: true,
    });
  });

  it('tells encrypted from read-only', () => {
    const flags = [1, 2].map((bits) => read(changed('phy_init', { flags: bits })).partitions[2]);
    expect(flags).toMatchObject([
      { encrypted: true, readonly: false },
      { encrypted: false, readonly: true },
    ]);
  });

  it.each([
    [0, { factory: 0, ota_0: 0x10, ota_15: 0x1f, test: 0x20, tee_0: 0x30, tee_1: 0x31 }],
    [
      1,
      {
        ...{ ota: 0, phy: 1, nvs: 2, coredump: 3, nvs_keys: 4, efuse: 5, undefined: 6 },
        ...{ esphttpd: 0x80, fat: 0x81, spiffs: 0x82, littlefs: 0x83, tee_ota: 0x90 },
      },
    ],
    [2, { primary: 0, ota: 1, recovery: 2 }],
    [3, { primary: 0, ota: 1 }],
  ])('names the subtypes of type %i as ESP-IDF does', (type, names) => {
    for (const [name, subtype] of Object.entries(names)) {
      expect(partitionSubtypeName(type, subtype)).toBe(name);
    }
  });

  it('shows types and subtypes without a name as numbers', () => {
    const rows = [...twoSlots, { ...factorySlot, type: 0x40, subtype: 7 }];
    expect(read(rows).partitions.at(-1)).toMatchObject({ typeName: '0x40', subtypeName: '0x07' });
  });

  it('reads a label that fills its field', () => {
    expect(read(changed('nvs', { label: 'sixteen_letters_' })).partitions[0]?.label).toBe(
      'sixteen_letters_',
    );
  });

  it('may have no MD5', () => {
    expect(parsePartitionTable(partitionTable(twoSlots, { md5: false }))).toMatchObject({
      md5: 'absent',
      findings: [],
    });
  });

  it('with an edited entry has a wrong MD5', () => {
    expect(parsePartitionTable(patched(partitionTable(), 12, [0x4e]))).toMatchObject({
      md5: 'invalid',
      findings: [{ code: 'partition-md5', severity: 'error' }],
    });
  });

  it('without end marker is refused by its finding', () => {
    expect(parsePartitionTable(partitionTable(twoSlots, { end: false }))).toMatchObject({
      endMarker: false,
      partitions: { length: 5 },
      findings: [{ code: 'partition-end', severity: 'error' }],
    });
  });

  it('stops at an entry that is none', () => {
    const table = parsePartitionTable(patched(partitionTable(), 64, [0xbe, 0xef]));
    expect(table.partitions).toHaveLength(2);
    expect(table.findings).toMatchObject([
      {
        code: 'partition-entry',
        message: 'no partition entry at 0x40 of the table: it starts with beef',
      },
      { code: 'partition-end' },
    ]);
  });

  it('mentions flags that it does not know', () => {
    expect(read(changed('nvs', { flags: 4 })).findings).toMatchObject([
      { code: 'partition-entry', severity: 'warning' },
    ]);
  });

  it('is never read past 96 entries', () => {
    const entry = partitionTable().subarray(0, 32);
    const table = parsePartitionTable(joined(...Array.from({ length: 500 }, () => entry)));
    expect(table.partitions).toHaveLength(96);
    expect(problemsOf(table)).toContain('there are 96 partitions; a table holds 95');
  });
});

function problemsOf(table: { findings: readonly { message: string }[] }): string[] {
  return table.findings.map(({ message }) => message);
}

describe('the rules of a partition table', () => {
  it('show labels made safe', () => {
    const [first] = problems(changed('nvs', { label: '\u001b[2J', offset: 0x9010 }));
    expect(first).toContain('partition "\\x1b[2J" starts at');
  });

  it.each<[string, Row[], string]>([
    [
      'apps start at multiples of 64 KiB',
      changed('ota_1', { offset: 0x111000 }),
      'partition "ota_1" starts at 0x111000, which is not a multiple of 0x10000',
    ],
    [
      'everything else starts at a sector',
      changed('nvs', { offset: 0x9010 }),
      'partition "nvs" starts at 0x9010, which is not a multiple of 0x1000',
    ],
    [
      'apps have whole sectors',
      changed('ota_1', { sizeBytes: 0x100010 }),
      'partition "ota_1" has 0x100010 bytes, which is not a multiple of 0x1000',
    ],
    [
      'nothing overlaps',
      changed('ota_0', { sizeBytes: 0x110000 }),
      'partition "ota_1" at 0x110000 overlaps "ota_0", which ends at 0x120000',
    ],
    [
      'names are unique',
      changed('ota_1', { label: 'ota_0' }),
      'more than one partition is called "ota_0"',
    ],
    [
      'otadata has two sectors',
      changed('otadata', { sizeBytes: 0x1000 }),
      'otadata partition "otadata" has 0x1000 bytes, must have 0x2000',
    ],
    ['there is one otadata', changed('phy_init', { subtype: 0 }), 'there are 2 otadata partitions'],
    [
      'a writable NVS has three sectors',
      changed('nvs', { sizeBytes: 0x2000 }),
      'partition "nvs" is a writable NVS of 0x2000 bytes; it needs 0x3000',
    ],
    [
      'otadata is written to',
      changed('otadata', { flags: 2 }),
      'partition "otadata" is read-only, but the device writes to it',
    ],
  ])('%s', (_, rows, message) => {
    expect(problems(rows)).toContain(message);
  });

  it('a small read-only NVS is fine', () => {
    expect(problems(changed('nvs', { sizeBytes: 0x1000, flags: 2 }))).toEqual([]);
  });

  it('a partition inside an earlier, longer one overlaps it', () => {
    const rows = changed('ota_0', { sizeBytes: 0x300000 });
    expect(problems([...rows, { ...factorySlot, offset: 0x220000 }])).toHaveLength(2);
  });

  it('TEE otadata has the same rules', () => {
    const tee = { label: 'tee', type: 1, subtype: 0x90, offset: 0x210000, sizeBytes: 0x1000 };
    expect(problems([...twoSlots, tee])).toEqual([
      'TEE otadata partition "tee" has 0x1000 bytes, must have 0x2000',
    ]);
  });

  it('nothing but bootloader and table lies before the end of the table', () => {
    const { partitions } = read(twoSlots);
    const fixed = { typeName: 'bootloader', type: 2, subtype: 0, offset: 0, sizeBytes: 0x8000 };
    const bootloader = {
      ...partitions[0],
      ...fixed,
      label: 'bootloader',
    } as (typeof partitions)[0];
    const all = [bootloader, ...partitions];
    expect(checkPartitions(all, { tableOffset: 0x8000 })).toEqual([]);
    expect(checkPartitions(all, { tableOffset: 0xa000 })).toMatchObject([
      {
        message: 'partition "nvs" starts at 0x9000, inside or before the partition table at 0xa000',
      },
    ]);
  });

  it('partitions end inside the flash', () => {
    const { partitions } = read(twoSlots);
    expect(checkPartitions(partitions, { flashSizeBytes: 0x210000 })).toEqual([]);
    expect(checkPartitions(partitions, { flashSizeBytes: 0x200000 })).toMatchObject([
      { message: 'partition "ota_1" ends at 0x210000, behind the flash of 0x200000 bytes' },
    ]);
  });

  it('Secure Boot V1 wants app slots of whole 64 KiB', () => {
    const { partitions } = read(changed('ota_1', { sizeBytes: 0xff000 }));
    expect(checkPartitions(partitions)).toEqual([]);
    expect(checkPartitions(partitions, { secureBootV1: true })).toHaveLength(1);
  });
});

describe('the slots of a table', () => {
  const test = { ...factorySlot, label: 'test', subtype: 0x20, offset: 0x310000 };
  const tee = { ...factorySlot, label: 'tee', subtype: 0x30, offset: 0x410000, sizeBytes: 0x1000 };
  const { partitions } = read([
    ...changed('ota_1', { sizeBytes: 0xf0000 }),
    factorySlot,
    test,
    tee,
  ]);

  it('are those that updates go to', () => {
    expect(otaSlots(partitions).map(({ label }) => label)).toEqual(['ota_0', 'ota_1']);
    expect(smallestOtaSlot(partitions)?.label).toBe('ota_1');
    expect(smallestOtaSlot([])).toBeUndefined();
  });

  it('do not include the fixed ones', () => {
    expect(fixedAppSlots(partitions).map(({ label }) => label)).toEqual(['factory', 'test']);
  });

  it('name the one that boots first', () => {
    expect(defaultBootSlot(partitions)?.label).toBe('factory');
    expect(defaultBootSlot(read(twoSlots).partitions)?.label).toBe('ota_0');
  });

  it('are chosen by otadata', () => {
    expect(otadataPartition(partitions)?.label).toBe('otadata');
  });
});

describe('a file that is a partition table', () => {
  it('is recognised with everything in it', () => {
    const bytes = partitionTable();
    expect(parseImage(bytes)).toEqual({
      kind: 'partition-table',
      sizeBytes: bytes.length,
      table: parsePartitionTable(bytes),
      findings: [],
    });
  });
});
