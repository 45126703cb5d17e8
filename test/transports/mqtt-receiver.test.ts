import fc from 'fast-check';
import { generate, type IConnackPacket, type Packet } from 'mqtt-packet';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseBroker } from '../../tools/transports/mqtt/connection/broker-url.ts';
import {
  createOversizeFilter,
  type OversizePublish,
} from '../../tools/transports/mqtt/receiver/oversize.ts';
import {
  drainSession,
  type ReceiverEvent,
  type ReceiverOptions,
  type ReceiverSettings,
  runReceiver,
} from '../../tools/transports/mqtt/receiver/receiver.ts';
import { testBroker, testClient } from '../support/fleet.ts';
import { scriptedBroker } from '../support/mqtt.ts';
import {
  acknowledge,
  type BrokerConnection,
  type BrokerScript,
} from '../support/scripted-broker.ts';

function settingsFor(url: string, changes: Partial<ReceiverSettings> = {}): ReceiverSettings {
  return {
    broker: parseBroker(url),
    tls: {},
    clientId: 'receiver-0',
    keepaliveSeconds: 60,
    sessionSeconds: 3600,
    window: 10,
    largestMessageBytes: 1000,
    timeoutMs: 5000,
    ...changes,
  };
}

/** A receiver for the running test. */
function receive(
  url: string,
  handle: ReceiverOptions['handle'],
  changes: Partial<ReceiverOptions> & { settings?: ReceiverSettings } = {},
) {
  const events: ReceiverEvent[] = [];
  const controller = new AbortController();
  const done = runReceiver({
    settings: settingsFor(url),
    filters: ['a/+'],
    group: 'g',
    handle,
    notify: (event) => void events.push(event),
    random: () => 0,
    signal: controller.signal,
    ...changes,
  });
  const stop = async () => {
    controller.abort();
    await done;
  };
  onTestFinished(stop);
  const connected = () => expect.poll(() => events.some(({ type }) => type === 'connected'));
  return { events, done, stop, connected };
}

/** A broker that grants everything, and sends what the test wants after the (shared) subscription. */
function grantingScript(
  afterSubscribe: (connection: BrokerConnection) => void,
  connack: Partial<IConnackPacket> = { sessionPresent: true },
): BrokerScript {
  return {
    connack,
    onPacket(packet, connection) {
      const { messageId } = packet;
      if (packet.cmd === 'subscribe' && messageId !== undefined) {
        connection.send({ cmd: 'suback', messageId, granted: packet.subscriptions.map(() => 1) });
        if (packet.subscriptions.some(({ topic }) => topic.startsWith('$share')))
          afterSubscribe(connection);
      } else if (packet.cmd === 'unsubscribe' && messageId !== undefined) {
        connection.send({ cmd: 'unsuback', messageId, granted: [0] } as Packet);
      } else if (packet.cmd !== 'puback') acknowledge(packet, connection);
    },
  };
}

const message = (messageId: number, topic = 'a/1', payload = `m${messageId}`): Packet => ({
  cmd: 'publish',
  topic,
  payload,
  qos: 1,
  dup: false,
  retain: false,
  messageId,
});

const acknowledged = (packets: readonly Packet[]): number[] =>
  packets.flatMap((packet) => (packet.cmd === 'puback' ? [packet.messageId ?? 0] : []));

describe('a receiver of messages', () => {
  it('asks for a session that outlives it, a window, and a share', async () => {
    const broker = await scriptedBroker(grantingScript(() => undefined));
    await receive(broker.url, async () => undefined)
      .connected()
      .toBe(true);
    const connect = broker.packets.find(({ cmd }) => cmd === 'connect');
    expect(connect).toMatchObject({
      clean: false,
      clientId: 'receiver-0',
      properties: { sessionExpiryInterval: 3600, receiveMaximum: 10, maximumPacketSize: 1000 },
    });
    const subscribe = broker.packets.find(({ cmd }) => cmd === 'subscribe');
    expect(subscribe).toMatchObject({
      subscriptions: [{ topic: '$share/g/a/+', qos: 1, rh: 2 }],
    });
  });

  it('acknowledges when the work is done, and in the order in which messages came', async () => {
    const work = new Map<string, () => void>();
    let say = (_packet: Packet): void => undefined;
    const broker = await scriptedBroker(
      grantingScript((connection) => {
        say = connection.send;
        for (const id of [1, 2, 3]) say(message(id));
      }),
    );
    receive(
      broker.url,
      ({ payload }) => new Promise((resolve) => work.set(payload.toString(), resolve)),
    );
    await expect.poll(() => work.size).toBe(3);
    work.get('m2')?.();
    work.get('m3')?.();
    say(message(4)); // by the time it is there, a wrong acknowledgement is, too
    await expect.poll(() => work.size).toBe(4);
    expect(acknowledged(broker.packets)).toEqual([]);
    for (const name of ['m1', 'm4']) work.get(name)?.();
    await expect.poll(() => acknowledged(broker.packets)).toEqual([1, 2, 3, 4]);
  });

  it('takes what comes right behind the answer to its connection', async () => {
    const broker = await scriptedBroker({
      ...grantingScript(() => undefined),
      connack: null,
      onConnect(connection) {
        const connack: Packet = { cmd: 'connack', sessionPresent: true, reasonCode: 0 };
        const packets = [connack, message(1), message(2)];
        connection.sendBytes(
          Buffer.concat(packets.map((packet) => generate(packet, { protocolVersion: 5 }))),
        );
      },
    });
    receive(broker.url, async () => undefined);
    await expect.poll(() => acknowledged(broker.packets)).toEqual([1, 2]);
  });

  it('never acknowledges work that failed, nor what came after it', async () => {
    const broker = await scriptedBroker(
      grantingScript((connection) => {
        for (const id of [1, 2, 3]) connection.send(message(id));
      }),
    );
    const receiver = receive(broker.url, async ({ payload }) => {
      if (payload.toString() === 'm2') throw new Error('not stored');
    });
    await expect.poll(() => acknowledged(broker.packets)).toEqual([1]);
    await receiver.stop();
    expect(acknowledged(broker.packets)).toEqual([1]);
    expect(broker.packets.at(-1)).toMatchObject({ cmd: 'disconnect' });
  });

  it('finishes what is under way before it takes leave', async () => {
    let finish: (() => void) | undefined;
    const broker = await scriptedBroker(
      grantingScript((connection) => connection.send(message(7))),
    );
    const receiver = receive(
      broker.url,
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    await expect.poll(() => finish).toBeDefined();
    await receiver.connected().toBe(true);
    const stopped = receiver.stop();
    finish?.();
    await stopped;
    expect(broker.packets.slice(-2)).toMatchObject([
      { cmd: 'puback', messageId: 7 },
      { cmd: 'disconnect' },
    ]);
  });

  it('connects again when the connection breaks, and takes the message then', async () => {
    let connections = 0;
    const broker = await scriptedBroker(
      grantingScript((connection) => {
        connections += 1;
        if (connections === 1) connection.hangUp();
        else connection.send(message(4));
      }),
    );
    const receiver = receive(broker.url, async () => undefined);
    await expect.poll(() => acknowledged(broker.packets), { timeout: 5000 }).toEqual([4]);
    expect(receiver.events.map(({ type }) => type)).toEqual(['connected', 'lost', 'connected']);
  });

  it('ends when another client has taken its place', async () => {
    const broker = await scriptedBroker(
      grantingScript((connection) => connection.send({ cmd: 'disconnect', reasonCode: 0x8e })),
    );
    expect(await receive(broker.url, async () => undefined).done).toBe('taken-over');
  });

  it('reads what the broker keeps, once, when it begins a session', async () => {
    const broker = await scriptedBroker(grantingScript(() => undefined, { sessionPresent: false }));
    receive(broker.url, async () => undefined);
    await expect.poll(() => broker.packets.map(({ cmd }) => cmd)).toContain('unsubscribe');
    const subscriptions = broker.packets.flatMap((packet) =>
      packet.cmd === 'subscribe' ? packet.subscriptions : [],
    );
    expect(subscriptions).toMatchObject([
      { topic: '$share/g/a/+', qos: 1 },
      { topic: 'a/+', qos: 0 },
    ]);
  });

  it('subscribes by itself where shares are not supported', async () => {
    const broker = await scriptedBroker({
      connack: { sessionPresent: true },
      onPacket(packet, connection) {
        if (packet.cmd !== 'subscribe' || packet.messageId === undefined)
          return acknowledge(packet, connection);
        const shared = packet.subscriptions[0]?.topic.startsWith('$share') === true;
        connection.send({
          cmd: 'suback',
          messageId: packet.messageId,
          granted: [shared ? 0x9e : 1],
        });
      },
    });
    const receiver = receive(broker.url, async () => undefined);
    await receiver.connected().toBe(true);
    expect(receiver.events[0]).toMatchObject({ type: 'connected', shared: false });
  });

  it('goes on with the subscriptions that are allowed, and names the others', async () => {
    const broker = await scriptedBroker({
      connack: { sessionPresent: true },
      onPacket(packet, connection) {
        if (packet.cmd !== 'subscribe' || packet.messageId === undefined)
          return acknowledge(packet, connection);
        connection.send({ cmd: 'suback', messageId: packet.messageId, granted: [0x87, 1] });
      },
    });
    const receiver = receive(broker.url, async () => undefined, { filters: ['a/+', 'b/+'] });
    await receiver.connected().toBe(true);
    expect(receiver.events[0]).toMatchObject({ type: 'refused', error: { code: 'unauthorized' } });
  });

  it('says that it is refused, and tries again', async () => {
    let attempts = 0;
    const broker = await scriptedBroker({
      connack: { reasonCode: 0x86 },
      onConnect: () => {
        attempts += 1;
      },
    });
    const receiver = receive(broker.url, async () => undefined);
    await expect.poll(() => attempts, { timeout: 5000 }).toBe(2);
    expect(receiver.events[0]).toMatchObject({ type: 'lost', error: { code: 'unauthorized' } });
  });

  it('does not send more commands than the broker takes', async () => {
    let onTheWay = 0;
    let most = 0;
    const broker = await scriptedBroker({
      ...grantingScript((connection) => {
        for (let id = 1; id <= 9; id += 1) connection.send(message(id));
      }),
      connack: { sessionPresent: true, properties: { receiveMaximum: 2 } },
      onPacket(packet, connection) {
        grantingScript((other) => {
          for (let id = 1; id <= 9; id += 1) other.send(message(id));
        }).onPacket?.(packet.cmd === 'publish' ? { cmd: 'pingreq' } : packet, connection);
        if (packet.cmd !== 'publish') return;
        onTheWay += 1;
        most = Math.max(most, onTheWay);
        setImmediate(() => {
          onTheWay -= 1;
          connection.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode: 0 });
        });
      },
    });
    let sent = 0;
    receive(broker.url, async (_message, session) => {
      void session.publish('cmd', 'go').then(() => {
        sent += 1;
      });
    });
    await expect.poll(() => sent).toBe(9);
    expect(most).toBe(2);
  });
});

describe('a receiver at an MQTT 3.1.1 broker', () => {
  it('keeps its place over a restart, and loses nothing that came meanwhile', async () => {
    const broker = await testBroker();
    const taken: string[] = [];
    const handle: ReceiverOptions['handle'] = async ({ payload }) => void taken.push(`${payload}`);
    const first = receive(broker.url, handle);
    await first.connected().toBe(true);
    expect(first.events).toMatchObject([{ type: 'connected', version: 4, shared: false }]);
    await first.stop();
    const client = await testClient(broker.url);
    for (const text of ['one', 'two']) await client.publish('a/1', text, { qos: 1 });
    receive(broker.url, handle);
    await expect.poll(() => taken).toEqual(['one', 'two']);
  });

  it('takes what another one left, and ends its session', async () => {
    const broker = await testBroker();
    const taken: string[] = [];
    const first = receive(broker.url, async () => {
      throw new Error('nothing works');
    });
    await first.connected().toBe(true);
    const client = await testClient(broker.url);
    for (const text of ['one', 'two', 'three']) await client.publish('a/1', text, { qos: 1 });
    await first.stop();
    const options = {
      settings: settingsFor(broker.url),
      filters: ['a/+'],
      group: 'g',
      handle: async ({ payload }: { payload: Buffer }) => void taken.push(`${payload}`),
      signal: new AbortController().signal,
    };
    expect(await drainSession(options)).toBe(true);
    expect(taken).toEqual(['one', 'two', 'three']);
    expect(await drainSession(options)).toBe(false);
  });

  it('stops reading while the window is full', async () => {
    const broker = await testBroker();
    const waiting: (() => void)[] = [];
    const receiver = receive(
      broker.url,
      () => new Promise((resolve) => void waiting.push(resolve)),
    );
    await receiver.connected().toBe(true);
    const client = await testClient(broker.url);
    const text = 'x'.repeat(900);
    await Promise.all(Array.from({ length: 900 }, () => client.publish('a/1', text, { qos: 0 })));
    await client.publish('a/1', 'last', { qos: 1 });
    // What fits into a chunk of the socket is there, and no more.
    await expect.poll(() => waiting.length).toBeGreaterThanOrEqual(10);
    expect(waiting.length).toBeLessThan(200);
    let taken = 0;
    await expect
      .poll(
        () => {
          for (const go of waiting.splice(0)) {
            go();
            taken += 1;
          }
          return taken;
        },
        { interval: 1, timeout: 10_000 },
      )
      .toBe(901);
  });

  it('throws away messages that are too large as they come, and acknowledges them', async () => {
    const broker = await testBroker();
    const taken: (number | undefined)[] = [];
    const receiver = receive(
      broker.url,
      async ({ oversizeBytes }) => void taken.push(oversizeBytes),
    );
    await receiver.connected().toBe(true);
    const client = await testClient(broker.url);
    await client.publish('a/1', 'x'.repeat(300_000), { qos: 1 });
    await client.publish('a/1', 'small', { qos: 1 });
    await expect.poll(() => taken.length).toBe(2);
    expect(taken[0]).toBeGreaterThan(300_000);
    expect(taken[1]).toBeUndefined();
    await receiver.stop();
    const again = receive(broker.url, async () => void taken.push(0));
    await again.connected().toBe(true);
    await client.publish('a/1', 'new', { qos: 1 });
    await expect.poll(() => taken.at(-1)).toBe(0);
    expect(taken).toHaveLength(3);
  });
});

describe('the filter for messages that are too large', () => {
  it('passes everything else on, however the bytes are cut', () => {
    const packet = fc.record({
      topic: fc
        .string({ minLength: 1, maxLength: 12, unit: 'grapheme-ascii' })
        .filter((text) => !/[+#]/.test(text)),
      bytes: fc.integer({ min: 0, max: 400 }),
      qos: fc.constantFrom(0 as const, 1 as const),
    });
    fc.assert(
      fc.property(
        fc.array(packet, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }),
        (packets, cuts) => {
          const encoded = packets.map(({ topic, bytes, qos }, index) =>
            generate({
              cmd: 'publish',
              topic,
              qos,
              payload: 'x'.repeat(bytes),
              dup: false,
              retain: false,
              messageId: index + 1,
            } as Packet),
          );
          const isLarge = (bytes: Buffer) => bytes.length - (bytes.length > 129 ? 3 : 2) > 100;
          const passed: Buffer[] = [];
          const skipped: OversizePublish[] = [];
          const filter = createOversizeFilter(
            100,
            (bytes) => void passed.push(Buffer.from(bytes)),
            (told) => void skipped.push(told),
          );
          let rest = Buffer.concat(encoded);
          for (let turn = 0; rest.length > 0; turn += 1) {
            const length = cuts[turn % cuts.length] ?? 1;
            filter(rest.subarray(0, length));
            rest = rest.subarray(length);
          }
          expect(Buffer.concat(passed)).toEqual(
            Buffer.concat(encoded.filter((bytes) => !isLarge(bytes))),
          );
          expect(skipped).toEqual(
            packets.flatMap(({ topic, qos }, index) => {
              const whole = encoded[index] ?? Buffer.alloc(0);
              if (!isLarge(whole)) return [];
              const messageId = qos === 0 ? undefined : index + 1;
              return [
                { topic, qos, messageId, bytes: whole.length - (whole.length > 129 ? 3 : 2) },
              ];
            }),
          );
        },
      ),
    );
  });
});
