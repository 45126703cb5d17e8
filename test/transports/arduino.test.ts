import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type ArduinoDevice,
  type ArduinoDeviceOptions,
  startArduinoDevice,
} from '../../tools/simulator/arduino-device.ts';
import { openDoor } from '../../tools/transports/arduino/door.ts';
import { createArduinoTransport } from '../../tools/transports/arduino.ts';
import { holdClosedPort } from '../support/closed-port.ts';
import { factsOf, payloadOf, sendContext } from '../support/deliveries.ts';
import { image } from '../support/esphome.ts';
import { passTime, stopTime, until } from '../support/time.ts';

const transport = createArduinoTransport({ resolve: async () => ['127.0.0.1'] });

async function start(options: ArduinoDeviceOptions = {}): Promise<ArduinoDevice> {
  const device = await startArduinoDevice(options);
  onTestFinished(device.close);
  return device;
}

function push(
  device: { port: number; password?: string },
  changes: { bytes?: Uint8Array; timeoutMs?: number; signal?: AbortSignal } = {},
) {
  const { bytes = image, ...context } = changes;
  const [delivery] = transport.prepare(
    {},
    { artifact: factsOf(bytes), devices: [{ host: 'lamp.local', ...device }] },
  );
  return delivery?.send(payloadOf(bytes), sendContext({ timeoutMs: 5000, ...context }));
}

async function runs(device: ArduinoDevice): Promise<boolean> {
  await device.idle();
  return device.flash.running?.sha256 === createHash('sha256').update(image).digest('hex');
}

describe('a push by ArduinoOTA', () => {
  it('reaches a device without a password', async () => {
    const device = await start();
    expect(await push({ port: device.port })).toMatchObject({ sentBytes: image.length });
    expect(await runs(device)).toBe(true);
  });

  it.each([
    { challenge: 'md5' },
    { challenge: 'sha256' },
    { challenge: 'sha256', storedAs: 'md5' },
  ] as const)('answers the challenge of a device (%j)', async (options) => {
    const device = await start({ ...options, password: 'pässwörd' });
    await push({ port: device.port, password: 'pässwörd' });
    expect(await runs(device)).toBe(true);
  });

  it.each(['md5', 'sha256'] as const)(
    'tells a wrong and a missing password apart (%s)',
    async (challenge) => {
      const device = await start({ challenge, password: 'right' });
      await expect(push({ port: device.port, password: 'wrong' })).rejects.toMatchObject({
        code: 'unauthorized',
        retryable: false,
      });
      await expect(push({ port: device.port })).rejects.toMatchObject({
        code: 'device-password-missing',
        retryable: false,
      });
      expect(device.updates).toBe(0);
    },
  );

  it('sends sizes around a piece, down to one byte', async () => {
    const device = await start({ takesAnything: true });
    for (const sizeBytes of [1, 1459, 1460, 1461, 2920]) {
      await push({ port: device.port }, { bytes: Buffer.alloc(sizeBytes, 0xe9) });
      await device.idle();
    }
    expect(device.updates).toBe(5);
  });

  it('invites again when a datagram is lost', async () => {
    stopTime();
    const device = await start({ faults: [{ does: 'ignore', invitations: 1 }] });
    const sent = push({ port: device.port });
    await until(() => device.invitations === 1);
    await passTime(3000);
    await sent;
    expect(device.invitations).toBe(2);
    expect(await runs(device)).toBe(true);
  });

  it('goes on when the device comes, although its answer was lost', async () => {
    const device = await start({ faults: [{ does: 'lose-answer' }] });
    await push({ port: device.port });
    expect(await runs(device)).toBe(true);
  });

  it('lets nobody else in than the invited device', async () => {
    const door = await openDoor(0);
    onTestFinished(door.close);
    door.expect('127.0.0.2');
    const visit = async (localAddress: string): Promise<boolean> => {
      const socket = connect({ host: '127.0.0.1', port: door.port, localAddress });
      onTestFinished(() => void socket.destroy());
      await once(socket, 'connect');
      return Promise.race([
        once(socket, 'close').then(() => false),
        door.wait(60_000, new AbortController().signal).then((visitor) => visitor !== undefined),
      ]);
    };
    expect(await visit('127.0.0.1')).toBe(false);
    expect(await visit('127.0.0.2')).toBe(true);
  });
});

it('refuses a key before anything is sent: it cannot encrypt', () => {
  const devices = [{ host: 'lamp.local', encryptionKey: 'x' }];
  expect(() => transport.prepare({}, { artifact: factsOf(image), devices })).toThrow(
    expect.objectContaining({ code: 'channel-invalid' }),
  );
});

describe('trouble with ArduinoOTA', () => {
  it('a port where nothing listens refuses', async () => {
    await expect(push({ port: await holdClosedPort() })).rejects.toMatchObject({
      code: 'connection-refused',
      retryable: true,
    });
  });

  it('a device that says nothing, stays away or stalls ends in time', async () => {
    stopTime();
    for (const [fault, code] of [
      [{ does: 'ignore' }, 'timeout'],
      [{ does: 'stay-away' }, 'device-did-not-connect'],
      [{ does: 'stall', atByte: 20_000 }, 'timeout'],
    ] as const) {
      const device = await start({ faults: [fault] });
      const failure = expect(push({ port: device.port })).rejects.toMatchObject({
        code,
        retryable: true,
      });
      await until(() => device.invitations > 0);
      await passTime(1);
      await passTime(5000);
      await failure;
    }
  });

  it.each([
    [{ does: 'garbage' }, 'device-unexpected-answer', false],
    [{ does: 'reset', atByte: 1 }, 'connection-failed', true],
    [{ does: 'reset', atByte: 30_000 }, 'connection-failed', true],
    [{ does: 'vanish' }, 'device-may-have-committed', false],
    [{ does: 'error', text: 'ERROR[4]: Not Enough Space' }, 'device-no-space', false],
    [{ does: 'error', text: 'MD5 Check Failed' }, 'device-checksum-mismatch', false],
    [{ does: 'error', text: 'Wrong Magic Byte' }, 'device-image-refused', false],
    [{ does: 'error', text: 'Flash Write Failed' }, 'device-flash-failed', false],
    [{ does: 'error', text: 'Partition Could Not be Found' }, 'device-no-partition', false],
    [{ does: 'error', text: 'Signature verification failed' }, 'device-signature-refused', false],
    [{ does: 'error', text: 'Aborted' }, 'device-error', false],
  ] as const)('%j is reported as %s', async (fault, code, retryable) => {
    const device = await start({ faults: [fault] });
    await expect(push({ port: device.port })).rejects.toMatchObject({ code, retryable });
    await device.idle();
    expect(device.updates).toBe(0);
  });

  it('stops when it is told to', async () => {
    const device = await start({ faults: [{ does: 'stay-away' }] });
    const stop = new AbortController();
    const sent = push({ port: device.port }, { signal: stop.signal });
    const failure = expect(sent).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => device.invitations === 1);
    stop.abort();
    await failure;
  });
});
