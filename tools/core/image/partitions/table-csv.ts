import { quoted } from '../../display-text.ts';
import { alignUp } from '../bytes.ts';
import { hexNumber, type ImageFinding } from '../finding.ts';
import { type Partition, partitionEnd } from './partition.ts';
import { checkPartitions } from './rules.ts';
import { type PartitionTable, partitionTableSectorBytes } from './table.ts';
import {
  partitionSubtypeName,
  partitionTypeName,
  partitionTypes,
  subtypesByType,
} from './types.ts';

export interface CsvOptions {
  /** CONFIG_PARTITION_TABLE_OFFSET; partitions without an offset start behind it. Default 0x8000. */
  readonly tableOffset?: number;
  /** CONFIG_BOOTLOADER_OFFSET_IN_FLASH, for rows of type `bootloader`. Default 0. */
  readonly bootloaderOffset?: number;
  /** Values for `$NAME` and `${NAME}`. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** A row as written; what is missing is filled in afterwards. A negative size is an end address. */
interface Row {
  readonly line: number;
  readonly label: string;
  readonly type: number;
  readonly subtype: number;
  readonly offset: number | undefined;
  readonly size: number;
  readonly flags: readonly string[];
}

/** Their rows say where the build puts things, not where the next row goes. */
const fixedTypes: readonly number[] = [partitionTypes.bootloader, partitionTypes.partition_table];

type Fixed = Required<Pick<CsvOptions, 'tableOffset' | 'bootloaderOffset'>>;

/**
 * Reads `partitions.csv`. Rows that cannot be understood are findings; the others are placed as ESP-IDF
 * places them. Source: ESP-IDF `gen_esp32part.py`.
 */
export function parsePartitionCsv(text: string, options: CsvOptions = {}): PartitionTable {
  const findings: ImageFinding[] = [];
  const problem = (line: number, message: string): void => {
    findings.push({
      code: 'partition-csv',
      severity: 'error',
      message: `line ${line}: ${message}`,
    });
  };
  const fixed = { tableOffset: 0x8000, bootloaderOffset: 0, ...options };
  const rows: Row[] = [];
  text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .forEach((raw, index) => {
      const expanded = expandVariables(raw, options.variables ?? {});
      const line = expanded.text.trim();
      if (line === '' || line.startsWith('#')) return;
      const row = expanded.missing ?? parseRow(line, index + 1, fixed);
      if (typeof row === 'string') problem(index + 1, row);
      else rows.push(row);
    });
  const partitions = placeRows(rows, fixed, problem);
  return {
    format: 'csv',
    partitions,
    md5: 'absent',
    endMarker: true,
    findings: [...findings, ...checkPartitions(partitions, { tableOffset: fixed.tableOffset })],
  };
}

function expandVariables(line: string, variables: Readonly<Record<string, string>>) {
  const isComment = line.trimStart().startsWith('#');
  let missing: string | undefined;
  const text = line.replace(/\$(?:\{(\w+)\}|([A-Za-z_]\w*))/g, (_, braced, bare) => {
    const name = String(braced ?? bare);
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (value === undefined && !isComment) missing ??= `the variable ${name} has no value`;
    return value ?? '';
  });
  return { text, missing };
}

/** One row, or the words that say why it is none. */
function parseRow(line: string, number: number, fixed: Fixed): Row | string {
  const [
    label = '',
    typeWord = '',
    subtypeWord = '',
    offsetWord = '',
    sizeWord = '',
    flagWords = '',
  ] = line.split(',').map((field) => field.trim());
  const type = parseNumber(typeWord, partitionTypes);
  if (type === undefined || type < 0 || type > 0xfe) return `unknown type ${quoted(typeWord)}`;
  const subtype = parseSubtype(type, subtypeWord);
  if (subtype === undefined || subtype < 0 || subtype > 0xfe) {
    return subtypeWord === '' ? 'an app needs a subtype' : `unknown subtype ${quoted(subtypeWord)}`;
  }
  if (Buffer.byteLength(label) > 16) return `the name ${quoted(label)} has more than 16 bytes`;
  const place = placeFixed(type, subtype, fixed);
  const offset = place.offset ?? (offsetWord === '' ? undefined : parseNumber(offsetWord));
  if (offsetWord !== '' && (offset === undefined || offset < 0 || offset > 0xffffffff)) {
    return `bad offset ${quoted(offsetWord)}`;
  }
  const size = place.size ?? parseNumber(sizeWord);
  if (size === undefined || Math.abs(size) > 0xffffffff) {
    return sizeWord === '' ? 'the size is missing' : `bad size ${quoted(sizeWord)}`;
  }
  const flags = flagWords.split(':').filter((flag) => flag !== '');
  const unknown = flags.find((flag) => flag !== 'encrypted' && flag !== 'readonly');
  if (unknown !== undefined) return `unknown flag ${quoted(unknown)}`;
  return { line: number, label, type, subtype, offset, size, flags };
}

function parseSubtype(type: number, word: string): number | undefined {
  if (word !== '') return parseNumber(word, subtypesByType[type]);
  return type === partitionTypes.app ? undefined : subtypesByType[partitionTypes.data]?.undefined;
}

/** Bootloader and table rows take their place from the build, not from the file. */
function placeFixed(type: number, subtype: number, { tableOffset, bootloaderOffset }: Fixed) {
  const primary = subtype === 0;
  if (type === partitionTypes.bootloader) {
    return { offset: primary ? bootloaderOffset : undefined, size: tableOffset - bootloaderOffset };
  }
  if (type === partitionTypes.partition_table) {
    return { offset: primary ? tableOffset : undefined, size: partitionTableSectorBytes };
  }
  return {};
}

/** Decimal, 0x hex, or with the suffix k or m; or one of the known words, in any case. */
function parseNumber(word: string, words: Readonly<Record<string, number>> = {}) {
  const name = word.toLowerCase();
  if (Object.hasOwn(words, name)) return words[name];
  const match = /^(-?)(0x[0-9a-f]{1,8}|\d{1,10})([km]?)$/.exec(name);
  if (match === null) return undefined;
  const factor = match[3] === 'k' ? 1024 : match[3] === 'm' ? 1024 * 1024 : 1;
  return Number(match[2]) * factor * (match[1] === '-' ? -1 : 1);
}

/** Fills in missing offsets (behind the row before, aligned) and turns end addresses into sizes. */
function placeRows(
  rows: readonly Row[],
  { tableOffset }: Fixed,
  problem: (line: number, message: string) => void,
): Partition[] {
  let end = tableOffset + partitionTableSectorBytes;
  return rows.map((row) => {
    const { type, subtype, label, flags } = row;
    const isPrimary = subtype === 0 && fixedTypes.includes(type);
    const step = type === partitionTypes.app ? 0x10000 : 0x1000;
    if (!isPrimary && row.offset !== undefined && row.offset < end) {
      problem(
        row.line,
        `offset ${hexNumber(row.offset)} lies before ${hexNumber(end)}, where the row before ends`,
      );
    }
    const offset = row.offset ?? alignUp(end, step);
    const sizeBytes = row.size < 0 ? -row.size - offset : row.size;
    if (sizeBytes <= 0) problem(row.line, `the partition would have ${sizeBytes} bytes`);
    const partition: Partition = {
      label,
      type,
      subtype,
      typeName: partitionTypeName(type),
      subtypeName: partitionSubtypeName(type, subtype),
      offset,
      sizeBytes: Math.max(0, sizeBytes),
      encrypted: flags.includes('encrypted'),
      readonly: flags.includes('readonly'),
    };
    if (!isPrimary) end = partitionEnd(partition);
    return partition;
  });
}
