import { once } from 'node:events';
import { OtaError } from '../../core/errors.ts';
import { decodeEncryptionKey, encryptionKeyMeaning } from '../../core/lan/encryption-key.ts';
import { type Generation, generations } from '../../simulator/firmware.ts';
import { createClock } from '../../workflows/clock.ts';
import {
  type PushedKind,
  type SimulatedDevice,
  simulateDevices,
} from '../../workflows/simulation/simulate-devices.ts';
import { type Io, line, writeJson } from '../io.ts';
import { numberBetween, optional, wholeNumberBetween } from '../options/options.ts';

/** Flags of virtual devices that take pushes. */
export const simulatedDeviceOptions = {
  'port-base': {
    type: 'number',
    default: 13_232,
    describe: 'port of the first device; the others follow',
  },
  password: { type: 'string', describe: 'password of the devices' },
  'encryption-key': { type: 'string', describe: 'Noise key that esphome devices require, base64' },
  generation: {
    choices: Object.keys(generations) as Generation[],
    describe: 'release of the firmware that esphome devices behave like; default the newest',
  },
  'flash-rate': { type: 'number', describe: 'KB per second that a device can write' },
  downtime: {
    type: 'number',
    default: 3,
    describe: 'seconds that an esphome device is away after',
  },
} as const;

export interface SimulatedDeviceFlags {
  readonly count: number | undefined;
  readonly 'port-base': number;
  readonly password: string | undefined;
  readonly 'encryption-key': string | undefined;
  readonly generation: Generation | undefined;
  readonly 'flash-rate': number | undefined;
  readonly downtime: number;
  readonly json: boolean;
}

/** Runs virtual devices until the user has enough, then tells what they got. */
export async function runSimulatedDevices(
  kind: PushedKind,
  flags: SimulatedDeviceFlags,
  io: Io,
): Promise<number> {
  const count = wholeNumberBetween('count', flags.count ?? 1, 1, 1000);
  const portBase = wholeNumberBetween('port-base', flags['port-base'], 1, 65_536 - count);
  const rate = flags['flash-rate'];
  const rateKb = rate === undefined ? undefined : numberBetween('flash-rate', rate, 0.1, 1e6);
  const devices = await start({
    kind,
    count,
    portBase,
    downtimeMs: numberBetween('downtime', flags.downtime, 0, 3600) * 1000,
    clock: createClock(io),
    ...optional('password', flags.password),
    ...optional('encryptionKey', readKey(flags['encryption-key'])),
    ...optional('generation', flags.generation),
    ...optional('bytesPerSecond', rateKb === undefined ? undefined : rateKb * 1024),
  });
  if (flags.json)
    writeJson(
      io.stdout,
      devices.map(({ host, port }) => ({ host, port })),
    );
  else line(io.stdout, renderStart(kind, devices));
  if (!io.signal.aborted) await once(io.signal, 'abort');
  await Promise.all(devices.map((device) => device.close().then(device.idle)));
  if (!flags.json) line(io.stdout, renderEnd(devices));
  return 0;
}

async function start(options: Parameters<typeof simulateDevices>[0]): Promise<SimulatedDevice[]> {
  try {
    return await simulateDevices(options);
  } catch (cause) {
    const { code, port } = cause as NodeJS.ErrnoException & { port?: number };
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw cause;
    throw new OtaError('port-taken', `port ${port ?? '?'} cannot be listened on (${code})`, {
      cause,
      hint: 'Choose other ports with --port-base.',
    });
  }
}

function readKey(text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return;
  const key = decodeEncryptionKey(text);
  if (key !== undefined) return key;
  throw new OtaError('usage', `the encryption key is not ${encryptionKeyMeaning}`, {
    hint: 'Make one with: openssl rand -base64 32',
  });
}

function renderStart(kind: PushedKind, devices: readonly SimulatedDevice[]): string {
  const [first] = devices;
  return [
    ...devices.map(({ host, port }) => `${kind} device on ${host}:${port}`),
    `Push to one with: ota push --binary firmware.bin --protocol ${kind} --device ${first?.host} --port ${first?.port}`,
    'Ctrl-C ends them.',
  ].join('\n');
}

function renderEnd(devices: readonly SimulatedDevice[]): string {
  return devices
    .map(({ host, port, updates, flash }) => {
      const runs = flash.running === undefined ? '' : `, runs ${flash.running.sha256.slice(0, 12)}`;
      return `${host}:${port}: ${updates} ${updates === 1 ? 'update' : 'updates'}${runs}`;
    })
    .join('\n');
}
