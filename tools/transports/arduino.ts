import channelSchema from '../../schemas/channel-arduino.schema.json' with { type: 'json' };
import { cancelledError } from '../core/errors.ts';
import {
  type Delivery,
  DeliveryFailure,
  type DeviceTarget,
  type Payload,
  type Receipt,
  type SendContext,
  type Transport,
} from '../core/release/delivery.ts';
import { type Door, openDoor } from './arduino/door.ts';
import { invite } from './arduino/invite.ts';
import { invitationText } from './arduino/protocol.ts';
import { uploadImage } from './arduino/upload.ts';
import { destinationOf, type Network, portWarnings, refuseKeys } from './lan/device.ts';
import { choosePorts } from './lan/ports.ts';
import { definePushTransport, type PushRun } from './lan/push-transport.ts';
import { type Place, reach } from './lan/reach.ts';
import type { UploadCache } from './lan/upload-cache.ts';

/** `deployment.channels.arduino` (schemas/channel-arduino.schema.json). */
interface ArduinoChannel {
  readonly port?: number;
  readonly listen_port?: number;
  readonly password?: string;
  /** Seconds. */
  readonly timeout?: number;
}

const defaultTimeoutS = 60;

/** ArduinoOTA: a device is invited by UDP and fetches the image over TCP. One delivery for each device. */
export function createArduinoTransport(network: Partial<Network> = {}): Transport {
  return definePushTransport<ArduinoChannel>(
    {
      name: 'arduino',
      summary: 'pushes to devices whose firmware uses ArduinoOTA',
      schema: channelSchema,
      example: { timeout: 60 },
      check: (_channel, devices) => refuseKeys('arduino', devices),
      prepareDevice,
    },
    network,
  );
}

export const arduino: Transport = createArduinoTransport();

function prepareDevice(
  channel: ArduinoChannel,
  device: DeviceTarget,
  { cache, network }: PushRun,
): Delivery {
  const port = device.port ?? channel.port;
  const password = device.password ?? channel.password;
  const timeoutS = channel.timeout ?? defaultTimeoutS;
  return {
    destination: destinationOf(device, port),
    settings: {
      host: device.host,
      port: port ?? 'by chip',
      listen_port: channel.listen_port ?? 'any',
      timeout: timeoutS,
      ...(password === undefined ? {} : { password: '***' }),
    },
    async send(payload, context) {
      const image = await cache.image(payload);
      const ports = choosePorts(port, await cache.family(payload), network.usualPorts);
      const timeoutMs = context.timeoutMs ?? timeoutS * 1000;
      const door = await openDoor(channel.listen_port ?? 0);
      try {
        const place = await reach(
          { host: device.host, ports, timeoutMs, signal: context.signal, resolve: network.resolve },
          async (reached) => {
            await inviteTo(door, reached, { payload, context, password, cache });
            return reached;
          },
        );
        return await hand(door, place, { image, ports, context, timeoutMs });
      } finally {
        door.close();
      }
    },
  };
}

async function inviteTo(
  door: Door,
  place: Place,
  run: {
    readonly payload: Payload;
    readonly context: SendContext;
    readonly password: string | undefined;
    readonly cache: UploadCache;
  },
): Promise<void> {
  const { payload, context, password, cache } = run;
  const { bytes, checksum } = await cache.body(payload, { gzip: false, checksum: 'md5' });
  door.expect(place.address);
  await invite({
    ...place,
    text: invitationText(door.port, bytes.length, checksum),
    password,
    signal: AbortSignal.any([context.signal, door.opened]),
  });
  if (context.signal.aborted) throw cancelledError();
}

async function hand(
  door: Door,
  place: Place,
  run: {
    readonly image: Uint8Array;
    readonly ports: readonly number[];
    readonly context: SendContext;
    readonly timeoutMs: number;
  },
): Promise<Receipt> {
  const { image, ports, context, timeoutMs } = run;
  const socket = await door.wait(timeoutMs, context.signal);
  if (context.signal.aborted) {
    socket?.destroy();
    throw cancelledError();
  }
  if (socket === undefined) {
    throw new DeliveryFailure(
      'device-did-not-connect',
      `the device agreed, but did not connect back to TCP port ${door.port} of this machine`,
      {
        hint: 'A firewall or NAT in between? Open a port and name it with `listen_port`. The device also stays away when the image is too large for it.',
        retryable: true,
      },
    );
  }
  const { signal, onProgress } = context;
  await uploadImage(socket, image, { timeoutMs, signal, onProgress });
  return {
    sentBytes: image.length,
    warnings: portWarnings(ports, place.port),
    answer: 'OK, rebooting',
  };
}
