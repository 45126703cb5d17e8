import { randomBytes } from 'node:crypto';
import channelSchema from '../../schemas/channel-web.schema.json' with { type: 'json' };
import type { Delivery, DeviceTarget, Transport } from '../core/release/delivery.ts';
import { destinationOf, type Network, refuseKeys } from './lan/device.ts';
import { dial } from './lan/dial.ts';
import { definePushTransport, type PushRun } from './lan/push-transport.ts';
import { buildFileForm } from './web/form.ts';
import { probe, uploadForm } from './web/upload.ts';

/** `deployment.channels.web` (schemas/channel-web.schema.json). */
interface WebChannel {
  readonly port?: number;
  readonly path?: string;
  readonly field?: string;
  readonly username?: string;
  readonly password?: string;
  /** Seconds. */
  readonly timeout?: number;
}

const defaults = { port: 80, path: '/update', field: 'update', username: 'admin', timeout: 60 };

/** The web page that a device serves for updates, without the page. One delivery for each device. */
export function createWebTransport(network: Partial<Network> = {}): Transport {
  return definePushTransport<WebChannel>(
    {
      name: 'web',
      summary: 'pushes to the web updater of devices (POST /update)',
      schema: channelSchema,
      example: { path: '/update' },
      check: (_channel, devices) => refuseKeys('web', devices),
      prepareDevice,
    },
    network,
  );
}

export const web: Transport = createWebTransport();

function prepareDevice(
  channel: WebChannel,
  device: DeviceTarget,
  { cache, network }: PushRun,
): Delivery {
  const settings = { ...defaults, ...channel };
  const port = device.port ?? settings.port;
  const password = device.password ?? channel.password;
  const { path, field, username } = settings;
  return {
    destination: destinationOf(device, port),
    settings: {
      host: device.host,
      port,
      path,
      field,
      timeout: settings.timeout,
      ...(password === undefined ? {} : { username, password: '***' }),
    },
    async send(payload, context) {
      const image = await cache.image(payload);
      const timeoutMs = context.timeoutMs ?? settings.timeout * 1000;
      const limits = { timeoutMs, signal: context.signal };
      const connect = () =>
        dial({ ...limits, host: device.host, ports: [port], resolve: network.resolve });
      const headers = {
        Host: hostHeader(device.host, port),
        ...basicAuthorization(username, password),
      };
      const updater = { path, headers, hasPassword: password !== undefined };
      await probe((await connect()).socket, updater, limits);

      const boundary = `ota-${randomBytes(16).toString('hex')}`;
      const form = buildFileForm(field, payload.facts.filename, boundary);
      const { socket } = await connect();
      const { onProgress } = context;
      const words = await uploadForm(socket, updater, form, image, { ...limits, onProgress });
      return { sentBytes: image.length, warnings: [], answer: words };
    },
  };
}

function hostHeader(host: string, port: number): string {
  const name = host.includes(':') ? `[${host.replace(/%.*$/, '')}]` : host;
  return port === 80 ? name : `${name}:${port}`;
}

/** RFC 7617. */
function basicAuthorization(
  username: string,
  password: string | undefined,
): { Authorization?: string } {
  if (password === undefined) return {};
  return { Authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
}
