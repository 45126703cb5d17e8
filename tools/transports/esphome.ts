import { randomBytes } from 'node:crypto';
import channelSchema from '../../schemas/channel-esphome.schema.json' with { type: 'json' };
import { decodeEncryptionKey, encryptionKeyMeaning } from '../core/lan/encryption-key.ts';
import type {
  Delivery,
  DeviceTarget,
  Payload,
  Receipt,
  SendContext,
  Transport,
} from '../core/release/delivery.ts';
import { createChannelCheck } from './channel-check.ts';
import { driveSession } from './esphome/drive.ts';
import { createSession, type SessionOptions, type SessionSummary } from './esphome/session.ts';
import { destinationOf, type Network, portWarnings } from './lan/device.ts';
import { type Dialed, dial } from './lan/dial.ts';
import { choosePorts } from './lan/ports.ts';
import { definePushTransport, type PushRun } from './lan/push-transport.ts';
import type { UploadCache } from './lan/upload-cache.ts';

/** `deployment.channels.esphome` (schemas/channel-esphome.schema.json). */
interface EsphomeChannel {
  readonly port?: number;
  readonly password?: string;
  readonly encryption_key?: string;
  /** Seconds. */
  readonly timeout?: number;
}

const defaultTimeoutS = 60;

/**
 * Blocks under way without an acknowledgement. 128 KiB fill any LAN. After trouble the next attempt goes in
 * lock step: then no unread bytes turn a device's last word into a mere reset.
 */
const windowBlocks = 16;

/** ESPHome's native OTA protocol: one delivery for each device. */
export function createEsphomeTransport(network: Partial<Network> = {}): Transport {
  return definePushTransport<EsphomeChannel>(
    {
      name: 'esphome',
      summary: "pushes to devices over ESPHome's native OTA protocol",
      schema: channelSchema,
      example: { timeout: 60 },
      check: requireKeys,
      prepareDevice,
    },
    network,
  );
}

export const esphome: Transport = createEsphomeTransport();

function prepareDevice(
  channel: EsphomeChannel,
  device: DeviceTarget,
  { cache, network }: PushRun,
): Delivery {
  const port = device.port ?? channel.port;
  const password = device.password ?? channel.password;
  const encryptionKey = device.encryptionKey ?? channel.encryption_key;
  const timeoutS = channel.timeout ?? defaultTimeoutS;
  return {
    destination: destinationOf(device, port),
    settings: {
      host: device.host,
      port: port ?? 'by chip',
      timeout: timeoutS,
      ...(password === undefined ? {} : { password: '***' }),
      ...(encryptionKey === undefined ? {} : { encryption_key: '***' }),
    },
    async send(payload, context) {
      const options = sessionOptions(password, encryptionKey, context.attempt);
      const timeoutMs = context.timeoutMs ?? timeoutS * 1000;
      const family = await cache.family(payload);
      // Only an ESP8266 asks for gzip, and older ones hang up on a client that takes a second to think.
      if (family === 'esp8266') await cache.body(payload, { gzip: true, checksum: 'md5' });
      const ports = choosePorts(port, family, network.usualPorts);
      const dialed = await dial({
        host: device.host,
        ports,
        timeoutMs,
        signal: context.signal,
        resolve: network.resolve,
      });
      const summary = await push(dialed, options, { payload, context, timeoutMs, cache });
      return receiptOf(summary, dialed, ports, options);
    },
  };
}

/** Checks the keys that the schema cannot. A placeholder passes: it is filled before anything is sent. */
function requireKeys(channel: EsphomeChannel, devices: readonly DeviceTarget[]): void {
  const check = createChannelCheck('esphome');
  const add = (path: string, key: string | undefined): void => {
    if (key === undefined || key.startsWith('${') || decodeEncryptionKey(key) !== undefined) return;
    check.add(path, `must be ${encryptionKeyMeaning}`);
  };
  add('encryption_key', channel.encryption_key);
  for (const device of devices) add(`${device.host}: encryption_key`, device.encryptionKey);
  check.finish();
}

function sessionOptions(
  password: string | undefined,
  encryptionKey: string | undefined,
  attempt: number,
): SessionOptions {
  const key = encryptionKey === undefined ? undefined : decodeEncryptionKey(encryptionKey);
  return {
    random: randomBytes,
    windowBlocks: attempt === 1 ? windowBlocks : 1,
    ...(password === undefined ? {} : { password }),
    ...(key === undefined ? {} : { encryptionKey: key }),
  };
}

async function push(
  { socket }: Dialed,
  options: SessionOptions,
  run: {
    readonly payload: Payload;
    readonly context: SendContext;
    readonly timeoutMs: number;
    readonly cache: UploadCache;
  },
): Promise<SessionSummary> {
  const { payload, context, timeoutMs, cache } = run;
  const { sizeBytes } = payload.facts;
  return driveSession(socket, createSession(options), {
    timeoutMs,
    signal: context.signal,
    load: (step) => cache.body(payload, step),
    // A gzip body is shorter than the image; progress is told in bytes of the image.
    onProgress: (delivered, total) =>
      context.onProgress(Math.round((delivered / total) * sizeBytes)),
  });
}

function receiptOf(
  summary: SessionSummary,
  dialed: Dialed,
  ports: readonly number[],
  options: SessionOptions,
): Receipt {
  const warnings = portWarnings(ports, dialed.port);
  if (options.password !== undefined && summary.authentication === 'none' && !summary.encrypted) {
    warnings.push('a password was given, but the device asked for none');
  }
  const traits = [
    `protocol ${summary.protocolVersion}`,
    summary.encrypted ? 'encrypted' : 'in the clear',
    ...(summary.authentication === 'none'
      ? []
      : [`password by ${summary.authentication.toUpperCase()}`]),
    ...(summary.gzip ? [`gzip, ${summary.sentBytes} bytes`] : []),
  ];
  return {
    sentBytes: summary.sentBytes,
    warnings,
    answer: `committed, rebooting (${traits.join(', ')})`,
  };
}
