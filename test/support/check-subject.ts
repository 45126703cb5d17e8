import type { CheckSubject } from '../../tools/core/image/check.ts';
import { parseImage } from '../../tools/core/image/parse-image.ts';
import { parsePartitionTable } from '../../tools/core/image/partitions/table.ts';
import { sampleApp } from './esp-images.ts';
import { partitionTable, type Row } from './flash-files.ts';

/** Firmware that passes all checks, with some facts changed. */
export function checkSubject(changes: Partial<CheckSubject> = {}): CheckSubject {
  return {
    image: parseImage(sampleApp()),
    sha256: 'aa'.repeat(32),
    version: '1.2.3',
    versionGiven: false,
    product: { hardware: ['ESP32-C3'], project: 'blinky' },
    partitionTable: tableOf(),
    build: undefined,
    releases: [{ version: '1.2.2', sha256: ['bb'.repeat(32)], secureVersion: 0 }],
    ...changes,
  };
}

export function tableOf(rows?: readonly Row[]) {
  return parsePartitionTable(partitionTable(rows));
}
