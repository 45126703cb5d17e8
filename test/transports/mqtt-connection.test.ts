import { createServer } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createBroker } from '../../tools/simulator/broker.ts';
import { startDeadline } from '../../tools/transports/deadline.ts';
import { parseBroker } from '../../tools/transports/mqtt/connection/broker-url.ts';
import { prepareConnection } from '../../tools/transports/mqtt/connection/connection.ts';
import { openSession } from '../../tools/transports/mqtt/connection/session.ts';
import { mqtt } from '../../tools/transports/mqtt.ts';
import { factsOf, failureOf, sampleBytes, sendContext } from '../support/deliveries.ts';
import { published, scriptedBroker, sendMqtt } from '../support/mqtt.ts';
import { acknowledge } from '../support/scripted-broker.ts';

describe('the connection', () => {
  it('says who it is: credentials, keep alive, and a client id of its own', async () => {
    const broker = await scriptedBroker();
    const url = broker.url.replace('mqtt://', 'mqtt://jane:p%40ss@');
    await sendMqtt({ broker: url, topic: 'fw' }, { context: { random: () => 0 } });
    await sendMqtt({ broker: url, topic: 'fw' }, { context: { random: () => 0.999 } });
    await sendMqtt({ broker: url, topic: 'fw', client_id: 'mine', keepalive: 7 });
    const connects = broker.packets.filter((packet) => packet.cmd === 'connect');
    expect(connects.map(({ clientId }) => clientId)).toEqual([
      'ota-Test_Gateway-00000000',
      'ota-Test_Gateway-zzzzzzzz',
      'mine',
    ]);
    expect(connects.map(({ keepalive }) => keepalive)).toEqual([60, 60, 7]);
    expect(connects[0]).toMatchObject({ clean: true, username: 'jane' });
    expect(String(connects[0]?.password)).toBe('p@ss');
  });

  it('a broker without MQTT 5 gets MQTT 3.1.1, and the receipt says so', async () => {
    const broker = await createBroker();
    onTestFinished(broker.close);
    const receipt = await sendMqtt({ broker: broker.url, topic: 'fw' });
    expect(receipt.warnings).toEqual([
      'the broker does not speak MQTT 5; MQTT 3.1.1 was used, without user properties',
    ]);
    expect(broker.published[0]?.payload.equals(sampleBytes)).toBe(true);
  });

  it('an MQTT 5 refusal of the version leads to 3.1.1 as well', async () => {
    const broker = await scriptedBroker({
      connack: { reasonCode: 0x84, returnCode: 0 },
    });
    const receipt = await sendMqtt({ broker: broker.url, topic: 'fw' });
    expect(receipt.warnings).toHaveLength(1);
    expect(published(broker.packets)).toHaveLength(1);
  });

  it('a version that the channel asks for is not given up', async () => {
    const broker = await createBroker();
    onTestFinished(broker.close);
    const sending = sendMqtt({ broker: broker.url, topic: 'fw', protocol_version: 5 });
    expect(await failureOf(sending)).toMatchObject({
      code: 'mqtt-refused',
      retryable: false,
      message: expect.stringContaining('Unsupported Protocol Version (0x84)'),
    });
    expect(broker.published).toEqual([]);
  });

  it('says nothing more after it has taken leave, however long the broker takes to hang up', async () => {
    const broker = await scriptedBroker({ onPacket: () => undefined });
    const { signal } = new AbortController();
    const deadline = startDeadline({ peer: 'b', timeoutMs: 1000, signal, doing: 'connecting' });
    onTestFinished(deadline.stop);
    const session = await openSession({
      open: await prepareConnection({
        broker: parseBroker(broker.url),
        tls: {},
        insecure: false,
      }),
      version: 5,
      peer: 'b',
      deadline,
      credentials: { clientId: 'c', keepalive: 1 },
    });
    if (session instanceof Error) throw session;
    onTestFinished(session.close);
    const message = { topic: 'fw', qos: 0, retain: false, sizeBytes: 1, properties: {} } as const;
    await session.publish(
      { ...message, open: () => Readable.from([Buffer.from('x')]) },
      () => undefined,
    );
    await session.end();
    expect(broker.packets.at(-1)?.cmd).toBe('disconnect');
  });

  it('it is kept alive while an acknowledgement takes its time', async () => {
    const held: (() => void)[] = [];
    const broker = await scriptedBroker({
      onPacket(packet, connection) {
        if (packet.cmd === 'publish') held.push(() => acknowledge(packet, connection));
        else acknowledge(packet, connection);
      },
    });
    const sending = sendMqtt({ broker: broker.url, topic: 'fw', keepalive: 1 });
    await broker.arrival('pingreq');
    for (const release of held) release();
    expect((await sending).answer).toBe('PUBACK');
  });

  it('the keep alive that the broker sets counts', async () => {
    const held: (() => void)[] = [];
    const broker = await scriptedBroker({
      connack: { properties: { serverKeepAlive: 1 } },
      onPacket(packet, connection) {
        if (packet.cmd === 'publish') held.push(() => acknowledge(packet, connection));
        else acknowledge(packet, connection);
      },
    });
    const sending = sendMqtt({ broker: broker.url, topic: 'fw', keepalive: 0 });
    await broker.arrival('pingreq');
    for (const release of held) release();
    await sending;
  });

  it('nothing comes between the bytes of a message, however long it takes', async () => {
    const broker = await scriptedBroker();
    const facts = factsOf(sampleBytes);
    const channel = { broker: broker.url, topic: 'fw', keepalive: 1 };
    const [delivery] = mqtt.prepare(channel, { artifact: facts, devices: [] });
    // A disk that takes longer than the interval of pings, which is three quarters of a second.
    async function* slowly() {
      yield sampleBytes.subarray(0, 1000);
      await setTimeout(900);
      yield sampleBytes.subarray(1000);
    }
    const stream = () => Readable.from(slowly());
    const payload = { facts, stream, bytes: async () => sampleBytes };
    await delivery?.send(payload, sendContext());
    expect(published(broker.packets)[0]?.payload).toEqual(sampleBytes);
  });

  it('a broker that never ends its answer is left', async () => {
    const broker = await scriptedBroker({
      connack: null,
      onConnect: ({ sendBytes }) => {
        // PUBLISH with 268,435,455 bytes to come.
        sendBytes(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]));
        sendBytes(Buffer.alloc(200_000));
      },
    });
    const error = await failureOf(sendMqtt({ broker: broker.url, topic: 'fw' }));
    expect(error).toMatchObject({ code: 'connection-failed', retryable: false });
  });

  it('works over WebSocket, with the subprotocol mqtt', async () => {
    const broker = await createBroker({ webSocket: true });
    onTestFinished(broker.close);
    await sendMqtt({ broker: `${broker.url}/mqtt`, topic: 'fw' });
    expect(broker.published[0]?.payload.equals(sampleBytes)).toBe(true);
  });

  it('a server that speaks WebSocket but not MQTT is named', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end('HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    expect(
      await failureOf(sendMqtt({ broker: `ws://127.0.0.1:${port}`, topic: 'fw' })),
    ).toMatchObject({ code: 'connection-failed', retryable: false });
  });

  it('a port that speaks something else is named', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    expect(
      await failureOf(sendMqtt({ broker: `mqtt://127.0.0.1:${port}`, topic: 'fw' })),
    ).toMatchObject({ code: 'connection-failed', message: expect.stringContaining('MQTT') });
    expect(
      await failureOf(sendMqtt({ broker: `ws://127.0.0.1:${port}`, topic: 'fw' })),
    ).toMatchObject({ code: 'connection-failed', message: expect.stringContaining('status 400') });
  });
});
