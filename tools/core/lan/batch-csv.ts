import { CsvError, parse } from 'csv-parse/sync';
import type { DeviceTarget } from '../release/delivery.ts';
import { didYouMeanSuffix } from '../schema.ts';
import { batchInvalid, checkEntries, type PlacedEntry } from './batch.ts';

const columns = ['host', 'password', 'port', 'encryption_key', 'name'] as const;

/** A row with the number of its line. */
interface Row {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/**
 * Parses a batch in CSV (RFC 4180) with a header row. Blanks around cells do not count unless the cell is
 * quoted; an empty cell is no value, so an empty password needs a JSON file.
 *
 * @param where the file's path, for messages
 * @throws OtaError `batch-invalid` with all problems, each with its line
 */
export function parseBatchCsv(text: string, where: string): DeviceTarget[] {
  const [header, ...rows] = readRows(text, where);
  if (header === undefined) {
    throw batchInvalid(where, [], 'is empty', `Its first line must be: ${columns.join(',')}`);
  }
  const names = header.record.map((cell) => cell.toLowerCase());
  const flaws = headerProblems(names);
  if (flaws.length > 0) {
    const hint = `The first line names the columns: ${columns.join(', ')}; host is required.`;
    throw batchInvalid(where, flaws, 'has another header than it needs', hint);
  }
  const problems: string[] = [];
  const entries: PlacedEntry[] = [];
  for (const { record, info } of rows) {
    const place = `line ${info.lines}`;
    if (record.length > names.length) {
      problems.push(`${place}: has ${record.length} cells, the header ${names.length}`);
    } else entries.push({ place, value: toEntry(names, record) });
  }
  return checkEntries(entries, problems, where);
}

function readRows(text: string, where: string): Row[] {
  try {
    return parse(text, {
      bom: true,
      info: true,
      trim: true,
      skip_empty_lines: true,
      relax_column_count: true,
    }) as unknown as Row[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // The library quotes cells in its messages, and a cell may be a password.
    const line = typeof error.lines === 'number' ? `line ${error.lines}: ` : '';
    const flaw = `${line}${error.code.replace(/^CSV_/, '').replaceAll('_', ' ').toLowerCase()}`;
    throw batchInvalid(where, [flaw], 'is not CSV', 'Are all quotation marks closed and doubled?');
  }
}

function headerProblems(names: readonly string[]): string[] {
  const known: readonly string[] = columns;
  const problems = names
    .filter((name) => !known.includes(name))
    .map((name) => `line 1: unknown column "${name}"${didYouMeanSuffix(name, known)}`);
  const repeated = names.filter((name, index) => names.indexOf(name) !== index);
  problems.push(...repeated.map((name) => `line 1: the column "${name}" stands there twice`));
  if (!names.includes('host')) problems.push('line 1: the column "host" is missing');
  return problems;
}

function toEntry(names: readonly string[], record: readonly string[]): Record<string, unknown> {
  const cells = names.flatMap((name, index): [string, unknown][] => {
    const cell = record[index] ?? '';
    if (cell === '') return name === 'host' ? [[name, cell]] : [];
    return [[name, name === 'port' && /^\d+$/.test(cell) ? Number(cell) : cell]];
  });
  return Object.fromEntries(cells);
}
