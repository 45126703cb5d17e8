import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseImage } from '../../tools/core/image/parse-image.ts';
import { parsePartitionTable } from '../../tools/core/image/partitions/table.ts';
import { parsePartitionCsv } from '../../tools/core/image/partitions/table-csv.ts';
import { sharedFolder } from '../support/shared.ts';

const head = '# Name, Type, SubType, Offset, Size, Flags\n';

/** Label, offset and size of every row, in hex. */
function placed(csv: string, options = {}): string[] {
  return parsePartitionCsv(head + csv, options).partitions.map(
    ({ label, offset, sizeBytes }) => `${label} ${offset.toString(16)} ${sizeBytes.toString(16)}`,
  );
}

function problems(csv: string, options = {}): string[] {
  return parsePartitionCsv(csv, options).findings.map(({ message }) => message);
}

describe('partitions.csv', () => {
  it('places rows without offset behind each other, apps at 64 KiB', () => {
    const csv = `nvs, data, nvs, , 0x6000,
phy_init, data, phy, , 0x1000,
factory, app, factory, , 1M,
storage, data, spiffs, , 64K,
ota_0, app, ota_0, , 512k`;
    expect(placed(csv)).toEqual([
      'nvs 9000 6000',
      'phy_init f000 1000',
      'factory 10000 100000',
      'storage 110000 10000',
      'ota_0 120000 80000',
    ]);
  });

  it('starts behind a table that lies elsewhere', () => {
    expect(placed('nvs,data,nvs,,0x4000', { tableOffset: 0x10000 })).toEqual(['nvs 11000 4000']);
  });

  it('takes a negative size for an end address', () => {
    expect(placed('a,data,fat,0x10000,-0x30000')).toEqual(['a 10000 20000']);
  });

  it('understands names, numbers, case, comments, blank lines and a byte order mark', () => {
    const csv = `\uFEFF# comment\r\n\r\nNVS, DATA, Nvs, 36864, 0x4000\r\nmine, 0x40, 7, 0xd000, 4k`;
    expect(parsePartitionCsv(csv)).toMatchObject({
      format: 'csv',
      findings: [],
      partitions: [
        { label: 'NVS', typeName: 'data', subtypeName: 'nvs', offset: 0x9000 },
        { label: 'mine', typeName: '0x40', subtypeName: '0x07', sizeBytes: 4096 },
      ],
    });
  });

  it('gives data without subtype the subtype undefined', () => {
    expect(parsePartitionCsv('x, data, , , 4k').partitions[0]?.subtypeName).toBe('undefined');
  });

  it('reads flags', () => {
    expect(parsePartitionCsv('x, data, fat, , 4k, encrypted:readonly').partitions).toMatchObject([
      { encrypted: true, readonly: true },
    ]);
  });

  it('expands variables', () => {
    const options = { variables: { SIZE: '8k', START: '0x9000' } };
    expect(placed('x, data, fat, ${START}, $SIZE', options)).toEqual(['x 9000 2000']);
    expect(problems('x, data, fat, $NOWHERE, 4k', options)).toEqual([
      'line 1: the variable NOWHERE has no value',
    ]);
    expect(problems('# costs $NOTHING', options)).toEqual([]);
  });

  it('takes the places of bootloader and table from the build', () => {
    const csv = 'boot,bootloader,primary,,\ntable,partition_table,primary,,\nnvs,data,nvs,,12k';
    expect(placed(csv, { bootloaderOffset: 0x1000 })).toEqual([
      'boot 1000 7000',
      'table 8000 1000',
      'nvs 9000 3000',
    ]);
    expect(problems(csv, { bootloaderOffset: 0x1000 })).toEqual([]);
  });

  it.each([
    ['x, nothing, fat, , 4k', 'unknown type "nothing"'],
    ['x, data, nothing, , 4k', 'unknown subtype "nothing"'],
    ['x, app, , , 4k', 'an app needs a subtype'],
    ['x, data, fat, 9f, 4k', 'bad offset "9f"'],
    ['x, data, fat, -4096, 4k', 'bad offset "-4096"'],
    ['x, data, fat, ,', 'the size is missing'],
    ['x, data, fat, , 4g', 'bad size "4g"'],
    ['x, data, fat, , 0', 'the partition would have 0 bytes'],
    ['x, data, fat, , 4k, hidden', 'unknown flag "hidden"'],
    [
      'a_name_that_is_long, data, fat, , 4k',
      'the name "a_name_that_is_long" has more than 16 bytes',
    ],
    ['x, constructor, fat, , 4k', 'unknown type "constructor"'],
  ])('refuses "%s"', (row, message) => {
    expect(problems(row)).toContain(`line 1: ${message}`);
  });

  it('refuses rows out of order', () => {
    expect(problems('a, data, fat, 0x20000, 64k\nb, data, fat, 0x10000, 64k')).toEqual([
      'line 2: offset 0x10000 lies before 0x30000, where the row before ends',
    ]);
  });

  it('is held to the rules of a table', () => {
    expect(problems('a, data, ota, , 4k')).toEqual([
      'otadata partition "a" has 0x1000 bytes, must have 0x2000',
    ]);
  });

  it('is recognised as a file', () => {
    expect(parseImage(Buffer.from(`${head}nvs, data, nvs, , 16k\n`))).toMatchObject({
      kind: 'partition-table',
      table: { format: 'csv', partitions: [{ label: 'nvs' }] },
    });
    expect(parseImage(Buffer.from('a, b, c\n')).kind).toBe('unknown');
  });

  it('is no file with binary content, and none of 100 KB', () => {
    const row = 'nvs, data, nvs, , 16k\n';
    expect(parseImage(Buffer.from(`${row}\0`)).kind).toBe('unknown');
    expect(parseImage(Buffer.from(row.padEnd(100_000, '#\n'))).kind).toBe('unknown');
  });
});

const shared = sharedFolder();

describe.runIf(shared !== undefined)('CSV and binary of a real build say the same', () => {
  it.each(['fusioncore-idf5.5.1-esp32p4-MIT', 'lifecycle-idf5.4-esp32-MIT'])('%s', (name) => {
    const folder = join(shared ?? '', 'images/builddirs', name);
    const csv = parsePartitionCsv(readFileSync(join(folder, 'partitions.csv'), 'utf8'));
    const binary = readFileSync(join(folder, 'build/partition_table/partition-table.bin'));
    expect(csv.partitions).toEqual(parsePartitionTable(binary).partitions);
    expect(csv.findings).toEqual([]);
  });
});
