import { readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { OtaError } from '../core/errors.ts';
import { parseBatchJson } from '../core/lan/batch.ts';
import { parseBatchCsv } from '../core/lan/batch-csv.ts';
import type { DeviceTarget } from '../core/release/delivery.ts';
import { jsonInvalid } from './json-file.ts';

/** Room for a hundred thousand devices. */
const largestBytes = 16 * 1024 * 1024;

/**
 * Reads the devices of a batch file: JSON or CSV, told apart by the suffix.
 *
 * @throws OtaError `batch-missing`, `batch-unreadable`, `json-invalid`, `batch-invalid`
 */
export async function readBatchFile(path: string): Promise<DeviceTarget[]> {
  const suffix = extname(path).toLowerCase();
  if (suffix !== '.json' && suffix !== '.csv') {
    throw new OtaError('batch-invalid', `the batch file ${path} is neither .json nor .csv`, {
      hint: 'Rename it: the suffix says how it is read.',
    });
  }
  const text = await readText(path);
  if (suffix === '.csv') return parseBatchCsv(text, path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw await jsonInvalid(path, text, cause);
  }
  return parseBatchJson(value, path);
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > largestBytes) {
      throw new OtaError('batch-unreadable', `${path} has ${size} bytes; no batch is that large`);
    }
    return (await readFile(path, 'utf8')).replace(/^\uFEFF/, '');
  } catch (cause) {
    if (cause instanceof OtaError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new OtaError('batch-missing', `there is no batch file ${path}`, {
        cause,
        hint: '`ota discover --json` writes one.',
      });
    }
    throw new OtaError('batch-unreadable', `cannot read the batch file ${path} (${code})`, {
      cause,
      hint: 'Check the permissions, and that it is a file.',
    });
  }
}
