import batchSchema from '../../../schemas/device-batch.schema.json' with { type: 'json' };
import { OtaError } from '../errors.ts';
import type { DeviceTarget } from '../release/delivery.ts';
import { defineSchema, formatProblem } from '../schema.ts';
import { decodeEncryptionKey, encryptionKeyMeaning } from './encryption-key.ts';
import { hostProblem, plainHost } from './host.ts';

/** One device of a batch as it stands in the file (schemas/device-batch.schema.json). */
export interface BatchEntry {
  readonly host: string;
  readonly name?: string;
  readonly port?: number;
  readonly password?: string;
  readonly encryption_key?: string;
}

/** An entry before it is checked, and where it stands, for messages: `entry 3`, `line 4`. */
export interface PlacedEntry {
  readonly place: string;
  readonly value: unknown;
}

const checkSchema = defineSchema(batchSchema);

/**
 * Parses a batch in JSON: an array of objects.
 *
 * @param where the file's path, for messages
 * @throws OtaError `batch-invalid` with all problems
 */
export function parseBatchJson(value: unknown, where: string): DeviceTarget[] {
  if (!Array.isArray(value)) {
    throw batchInvalid(where, [], 'is not a list of devices', 'Write [ {"host": "..."}, ... ].');
  }
  const placed = value.map((entry, index) => ({ place: `entry ${index + 1}`, value: entry }));
  return checkEntries(placed, [], where);
}

/**
 * Checks all entries of a batch, whatever file they come from, and returns the devices.
 *
 * @param earlier problems that were found on the way to the entries
 * @throws OtaError `batch-invalid` with all problems, each with its place
 */
export function checkEntries(
  entries: readonly PlacedEntry[],
  earlier: readonly string[],
  where: string,
): DeviceTarget[] {
  const problems = [...earlier];
  const devices: DeviceTarget[] = [];
  const places = new Map<string, string>();
  for (const { place, value } of entries) {
    const found = entryProblems(value);
    problems.push(...found.map((problem) => `${place}: ${problem}`));
    if (found.length > 0) continue;
    const device = toDevice(value as BatchEntry);
    const key = `${device.host.toLowerCase().replace(/\.$/, '')} ${device.port ?? ''}`;
    const before = places.get(key);
    if (before === undefined) places.set(key, place);
    else problems.push(`${place}: the device "${device.host}" is already in ${before}`);
    devices.push(device);
  }
  if (problems.length > 0) {
    throw batchInvalid(where, problems, 'cannot be used', 'Nothing was pushed. Correct the file.');
  }
  if (devices.length === 0) {
    throw batchInvalid(where, [], 'names no device', 'Add a device, or give one with --device.');
  }
  return devices;
}

function entryProblems(value: unknown): string[] {
  const problems = checkSchema([value]).map((problem) => ({
    ...problem,
    path: problem.path.replace(/^\[0\]\.?/, ''),
  }));
  if (problems.length > 0) return problems.map(formatProblem);
  const { host, encryption_key: key } = value as BatchEntry;
  const flaw = hostProblem(plainHost(host));
  return [
    ...(flaw === undefined ? [] : [`host: ${JSON.stringify(host)} ${flaw}`]),
    ...(key === undefined || decodeEncryptionKey(key) !== undefined
      ? []
      : [`encryption_key: must be ${encryptionKeyMeaning}`]),
  ];
}

function toDevice({ host, name, port, password, encryption_key }: BatchEntry): DeviceTarget {
  return {
    host: plainHost(host),
    ...(name === undefined ? {} : { name }),
    ...(port === undefined ? {} : { port }),
    ...(password === undefined ? {} : { password }),
    ...(encryption_key === undefined ? {} : { encryptionKey: encryption_key }),
  };
}

export function batchInvalid(
  where: string,
  details: readonly string[],
  what: string,
  hint: string,
): OtaError {
  return new OtaError('batch-invalid', `the batch file ${where} ${what}`, { details, hint });
}
