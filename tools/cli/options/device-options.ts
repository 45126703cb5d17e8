import { readFile } from 'node:fs/promises';
import { OtaError } from '../../core/errors.ts';
import { applyDefaults, chooseSecret } from '../../core/lan/credentials.ts';
import { decodeEncryptionKey, encryptionKeyMeaning } from '../../core/lan/encryption-key.ts';
import { hostProblem, plainHost } from '../../core/lan/host.ts';
import type { DeviceTarget } from '../../core/release/delivery.ts';
import type { Io } from '../io.ts';
import { absolute, wholeNumberBetween } from './options.ts';

/** Which devices, and how they are opened: for every command that pushes. */
export const deviceOptions = {
  device: {
    type: 'string',
    array: true,
    nargs: 1,
    describe: 'host name or address of a device (repeatable)',
  },
  batch: {
    type: 'string',
    normalize: true,
    describe: 'file with devices, JSON or CSV (see `ota discover --json`)',
  },
  port: { type: 'number', describe: 'port of the devices; default the usual one of the chip' },
  password: {
    type: 'string',
    describe: 'password of the devices; better in OTA_PASSWORD or a file: others can see this one',
  },
  'password-file': {
    type: 'string',
    nargs: 1,
    describe: 'file with the password, or - for standard input',
  },
  'encryption-key': {
    type: 'string',
    describe: 'Noise key of the devices, base64; better in OTA_ENCRYPTION_KEY',
  },
} as const;

export interface DeviceFlags {
  readonly device: string[] | undefined;
  readonly batch: string | undefined;
  readonly port: number | undefined;
  readonly password: string | undefined;
  readonly 'password-file': string | undefined;
  readonly 'encryption-key': string | undefined;
}

/**
 * The devices that the flags name, each with its secrets: batch entry over flag over variable over file.
 * Without `--device` and `--batch` there are none.
 *
 * @throws OtaError `usage`, `batch-*`, `password-file-unreadable`
 */
export async function readDevices(flags: DeviceFlags, io: Io): Promise<DeviceTarget[]> {
  const { device = [], batch } = flags;
  if (device.length > 0 && batch !== undefined) {
    throw usage('--device and --batch exclude each other', 'Put the device into the batch file.');
  }
  const devices = batch === undefined ? device.map(toDevice) : await readBatch(absolute(io, batch));
  if (devices.length === 0) return [];
  const port =
    flags.port === undefined ? undefined : wholeNumberBetween('port', flags.port, 1, 65_535);
  const password = chooseSecret({
    flag: flags.password,
    variable: io.env.OTA_PASSWORD,
    file: await readPasswordFile(flags, io),
  });
  const encryptionKey = chooseSecret({
    flag: flags['encryption-key'],
    variable: io.env.OTA_ENCRYPTION_KEY,
  });
  if (encryptionKey !== undefined && decodeEncryptionKey(encryptionKey) === undefined) {
    throw usage(
      `the encryption key is not ${encryptionKeyMeaning}`,
      'Copy it from `api: encryption: key:` of the ESPHome configuration.',
    );
  }
  return applyDefaults(devices, { port, password, encryptionKey });
}

async function readBatch(path: string): Promise<DeviceTarget[]> {
  const { readBatchFile } = await import('../../workspace/batch-file.ts');
  return readBatchFile(path);
}

function toDevice(words: string): DeviceTarget {
  const host = plainHost(words);
  const flaw = hostProblem(host);
  if (flaw === undefined) return { host };
  throw usage(`--device ${JSON.stringify(words)} ${flaw}`, 'For example: --device lamp.local');
}

async function readPasswordFile(flags: DeviceFlags, io: Io): Promise<string | undefined> {
  const path = flags['password-file'];
  // Not read when it would not count: standard input may be wanted by somebody else.
  if (path === undefined || flags.password !== undefined || io.env.OTA_PASSWORD) return;
  try {
    const text = path === '-' ? await io.readStdin() : await readFile(absolute(io, path), 'utf8');
    return text.replace(/\r?\n$/, '');
  } catch (cause) {
    throw new OtaError('password-file-unreadable', `cannot read the password file ${path}`, {
      cause,
      hint: 'Give a file that holds nothing but the password.',
    });
  }
}

function usage(message: string, hint: string): OtaError {
  return new OtaError('usage', message, { hint });
}
