import type { IPublishPacket, Packet } from 'mqtt-packet';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createBroker } from '../../tools/simulator/broker.ts';
import { failureOf, sampleBytes } from '../support/deliveries.ts';
import { scriptedBroker, sendMqtt } from '../support/mqtt.ts';
import { acknowledge, type BrokerConnection } from '../support/scripted-broker.ts';

const fw = { topic: 'fw' };

function hasPublished(packets: readonly Packet[]): boolean {
  return packets.some((packet) => packet.cmd === 'publish');
}

/** Answers PUBLISH with this reason. */
function refusing(reasonCode: number, reasonString?: string) {
  return (packet: Packet, connection: BrokerConnection) => {
    if (packet.cmd !== 'publish') return acknowledge(packet, connection);
    const { messageId = 0, qos } = packet as IPublishPacket;
    const properties = reasonString === undefined ? {} : { properties: { reasonString } };
    const cmd = qos === 2 ? 'pubrec' : 'puback';
    connection.send({ cmd, messageId, reasonCode, ...properties });
  };
}

describe('what CONNACK says', () => {
  it.each([
    [0x86, 'unauthorized', false, 'Bad User Name or Password (0x86)'],
    [0x87, 'unauthorized', false, 'Not authorized (0x87)'],
    [0x8a, 'unauthorized', false, 'Banned (0x8a)'],
    [0x85, 'mqtt-refused', false, 'Client Identifier not valid (0x85)'],
    [0x88, 'mqtt-refused', true, 'Server unavailable (0x88)'],
    [0x89, 'mqtt-refused', true, 'Server busy (0x89)'],
    [0x9f, 'mqtt-refused', true, 'Connection rate exceeded (0x9f)'],
    [0xee, 'mqtt-refused', false, 'unknown reason (0xee)'],
  ])('MQTT 5 reason 0x%s is %s, retryable %s', async (reasonCode, code, retryable, words) => {
    const broker = await scriptedBroker({ connack: { reasonCode } });
    const error = await failureOf(sendMqtt({ broker: broker.url, ...fw }));
    expect(error).toMatchObject({ code, retryable, hint: expect.any(String) });
    expect(error.message).toContain(words);
    expect(hasPublished(broker.packets)).toBe(false);
  });

  it.each([
    [2, 'mqtt-refused', false],
    [3, 'mqtt-refused', true],
    [4, 'unauthorized', false],
    [5, 'unauthorized', false],
  ])('MQTT 3.1.1 return code %i is %s, retryable %s', async (returnCode, code, retryable) => {
    const broker = await scriptedBroker({ connack: { returnCode } });
    const sending = sendMqtt({ broker: broker.url, ...fw, protocol_version: 4 });
    expect(await failureOf(sending)).toMatchObject({ code, retryable });
  });

  it('a wrong password is refused by a broker that knows its users', async () => {
    const broker = await createBroker({ users: { jane: 'right' } });
    onTestFinished(broker.close);
    const channel = { broker: broker.url, ...fw, username: 'jane' };
    const error = await failureOf(sendMqtt({ ...channel, password: 'wr0ng-password' }));
    expect(error).toMatchObject({ code: 'unauthorized', retryable: false });
    expect(JSON.stringify([error.message, error])).not.toContain('wr0ng-password');
    expect((await sendMqtt({ ...channel, password: 'right' })).answer).toBe('PUBACK');
  });
});

describe('what the broker allows is checked before the message is sent', () => {
  it.each([
    ['QoS', { maximumQoS: 0 }, { qos: 1 }, 'mqtt-unsupported', 'QoS 1'],
    ['QoS 2', { maximumQoS: 1 }, { qos: 2 }, 'mqtt-unsupported', 'QoS 2'],
    ['retain', { retainAvailable: false }, { retain: true }, 'mqtt-unsupported', 'retained'],
    ['size', { maximumPacketSize: 300_000 }, {}, 'mqtt-too-large', '300000 bytes'],
  ])('%s', async (_what, properties, settings, code, words) => {
    const broker = await scriptedBroker({ connack: { properties } });
    const error = await failureOf(sendMqtt({ broker: broker.url, ...fw, ...settings }));
    expect(error).toMatchObject({ code, retryable: false, hint: expect.any(String) });
    expect(error.message).toContain(words);
    expect(hasPublished(broker.packets)).toBe(false);
  });

  it('and the broker is left when it allows too little', async () => {
    const broker = await scriptedBroker({ connack: { properties: { maximumQoS: 0 } } });
    await failureOf(sendMqtt({ broker: broker.url, ...fw }));
    await broker.departure();
  });

  it('a packet of exactly the maximum size is sent, one byte more is not', async () => {
    // Fixed header 4, topic 2 + 2, packet id 2, properties 2 + 148, and the firmware.
    const error = await failureOf(sizeLimited(1));
    const needed = Number(/makes (\d+)/.exec(error.message)?.[1]);
    expect(needed).toBeGreaterThan(sampleBytes.length);
    expect((await sizeLimited(needed)).answer).toBe('PUBACK');
    expect(await failureOf(sizeLimited(needed - 1))).toMatchObject({ code: 'mqtt-too-large' });
  });

  async function sizeLimited(maximumPacketSize: number) {
    const broker = await scriptedBroker({ connack: { properties: { maximumPacketSize } } });
    return await sendMqtt({ broker: broker.url, ...fw });
  }
});

describe('what the broker says about the message', () => {
  it.each([
    [0x87, 'unauthorized', false],
    [0x90, 'mqtt-refused', false],
    [0x97, 'mqtt-refused', true],
    // Not allowed in PUBACK, but Mosquitto with message_size_limit sends it.
    [0x95, 'mqtt-too-large', false],
  ])('PUBACK with reason %i is %s, retryable %s', async (reasonCode, code, retryable) => {
    const broker = await scriptedBroker({ onPacket: refusing(reasonCode) });
    const error = await failureOf(sendMqtt({ broker: broker.url, ...fw }));
    expect(error).toMatchObject({ code, retryable });
    expect(error.message).toContain('refused the message to fw');
  });

  it("the broker's own words are quoted, on one line", async () => {
    const broker = await scriptedBroker({ onPacket: refusing(0x83, 'no\u001b[31m\nroom') });
    const error = await failureOf(sendMqtt({ broker: broker.url, ...fw }));
    expect(error.message).toContain(String.raw`"no\x1b[31m\x0aroom"`);
  });

  it('PUBREC with a failure ends QoS 2', async () => {
    const broker = await scriptedBroker({ onPacket: refusing(0x97) });
    const error = await failureOf(sendMqtt({ broker: broker.url, ...fw, qos: 2 }));
    expect(error).toMatchObject({ code: 'mqtt-refused' });
    expect(broker.packets.some(({ cmd }) => cmd === 'pubrel')).toBe(false);
  });

  it('an acknowledgement of another message is none', async () => {
    const broker = await scriptedBroker({
      onPacket: (_packet, { send }) => send({ cmd: 'puback', messageId: 99, reasonCode: 0 }),
    });
    const error = await failureOf(sendMqtt({ broker: broker.url, ...fw }));
    expect(error).toMatchObject({ code: 'connection-failed', retryable: false });
  });
});

describe('a broker that hangs up in the middle of the message', () => {
  it('with DISCONNECT "Packet too large" is taken at its word', async () => {
    const broker = await scriptedBroker({
      afterBytes: {
        bytes: 1000,
        react({ send, hangUp }) {
          send({ cmd: 'disconnect', reasonCode: 0x95 });
          hangUp();
        },
      },
    });
    const error = await failureOf(
      sendMqtt({ broker: broker.url, ...fw }, { bytes: Buffer.alloc(20_000_000) }),
    );
    expect(error).toMatchObject({ code: 'mqtt-too-large', retryable: false });
  });

  it.each([4, 5])(
    'without a word (MQTT version %i) most probably means too large',
    async (version) => {
      const broker = await scriptedBroker({
        afterBytes: { bytes: 1000, react: ({ hangUp }) => hangUp() },
      });
      const error = await failureOf(
        sendMqtt(
          { broker: broker.url, ...fw, protocol_version: version },
          { bytes: Buffer.alloc(20_000_000) },
        ),
      );
      expect(error).toMatchObject({ code: 'mqtt-too-large', retryable: true });
      expect(error.message).toContain('hung up');
    },
  );

  it('before the acknowledgement of a large message means the same', async () => {
    const broker = await scriptedBroker({ onPacket: (_packet, { hangUp }) => hangUp() });
    const error = await failureOf(sendMqtt({ broker: broker.url, ...fw }));
    expect(error).toMatchObject({ code: 'mqtt-too-large', retryable: true });
  });

  it('with a small message has another reason', async () => {
    const broker = await scriptedBroker({ onPacket: (_packet, { hangUp }) => hangUp() });
    const error = await failureOf(
      sendMqtt({ broker: broker.url, ...fw }, { bytes: Buffer.alloc(65_535) }),
    );
    expect(error).toMatchObject({ code: 'connection-failed', retryable: true });
  });

  it('because it shuts down is not about the size', async () => {
    const broker = await scriptedBroker({
      onPacket: (_packet, { send }) => send({ cmd: 'disconnect', reasonCode: 0x8b }),
    });
    const error = await failureOf(sendMqtt({ broker: broker.url, ...fw }));
    expect(error).toMatchObject({ code: 'mqtt-refused', retryable: true });
    expect(error.message).toContain('Server shutting down');
  });
});

describe('a broker that falls silent', () => {
  const context = { timeoutMs: 100 };

  it('after CONNECT is a timeout while connecting', async () => {
    const broker = await scriptedBroker({ connack: null });
    const error = await failureOf(sendMqtt({ broker: broker.url, ...fw }, { context }));
    expect(error).toMatchObject({ code: 'timeout', retryable: true });
    expect(error.message).toContain('while connecting');
  });

  it('after PUBLISH is a timeout, whatever pings it answers', async () => {
    const broker = await scriptedBroker({
      onPacket(packet, connection) {
        if (packet.cmd !== 'publish') acknowledge(packet, connection);
      },
    });
    const error = await failureOf(
      sendMqtt({ broker: broker.url, ...fw, keepalive: 1 }, { context: { timeoutMs: 1000 } }),
    );
    expect(error).toMatchObject({ code: 'timeout', retryable: true });
    expect(error.message).toContain('while waiting for the acknowledgement, after 300000 bytes');
    expect(broker.packets.some(({ cmd }) => cmd === 'pingreq')).toBe(true);
  });

  it('in the middle of the message is a timeout that tells how far it came', async () => {
    const broker = await scriptedBroker({ stall: true });
    const bytes = Buffer.alloc(50_000_000);
    // Long enough that a busy machine has connected by then.
    const longer = { timeoutMs: 1000 };
    const error = await failureOf(
      sendMqtt({ broker: broker.url, ...fw }, { context: longer, bytes }),
    );
    expect(error).toMatchObject({ code: 'timeout', retryable: true });
    expect(error.message).toMatch(/while sending the message, after \d+ bytes/);
  });

  it('and is aborted meanwhile, is cancelled at once', async () => {
    const user = new AbortController();
    const broker = await scriptedBroker({
      onPacket(packet) {
        if (packet.cmd === 'publish') user.abort();
      },
    });
    const context = { signal: user.signal };
    const error = await failureOf(sendMqtt({ broker: broker.url, ...fw }, { context }));
    expect(error).toMatchObject({ code: 'cancelled' });
  });
});
