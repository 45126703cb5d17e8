import { extname } from 'node:path';
import { OtaError } from '../../core/errors.ts';
import {
  isPartitionTable,
  type PartitionTable,
  parsePartitionTable,
} from '../../core/image/partitions/table.ts';
import { parsePartitionCsv } from '../../core/image/partitions/table-csv.ts';
import { readFirmwareBytes } from './firmware-bytes.ts';

/**
 * Reads a partition table, binary (`partition-table.bin`) or as text (`partitions.csv`).
 *
 * @throws OtaError `binary-missing`, `binary-unreadable`, `partition-table-invalid`
 */
export async function readPartitionTable(path: string): Promise<PartitionTable> {
  const bytes = await readFirmwareBytes(path);
  if (extname(path).toLowerCase() === '.csv') {
    return parsePartitionCsv(Buffer.from(bytes).toString('utf8'));
  }
  if (isPartitionTable(bytes)) return parsePartitionTable(bytes);
  throw new OtaError('partition-table-invalid', `${path} is no partition table`, {
    hint: 'Give build/partition_table/partition-table.bin, or partitions.csv.',
  });
}
