import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { mqtt } from '../../tools/transports/mqtt.ts';
import { factsOf, failureOf, payloadOf, sampleBytes, sendContext } from '../support/deliveries.ts';
import { published, scriptedBroker, sendMqtt } from '../support/mqtt.ts';
import { acknowledge } from '../support/scripted-broker.ts';

const sha256 = createHash('sha256').update(sampleBytes).digest('hex');

describe('one message carries the firmware', () => {
  it('MQTT 5 gives it content type and user properties', async () => {
    const broker = await scriptedBroker();
    const receipt = await sendMqtt({ broker: broker.url, topic: 'fw/{version}', retain: true });
    expect(receipt).toEqual({ sentBytes: sampleBytes.length, warnings: [], answer: 'PUBACK' });
    const [message, ...more] = published(broker.packets);
    expect(more).toEqual([]);
    expect(message).toMatchObject({ topic: 'fw/1.2.3', qos: 1, retain: true, dup: false });
    expect(sampleBytes.equals(message?.payload as Buffer)).toBe(true);
    expect(message?.properties).toEqual({
      contentType: 'application/octet-stream',
      userProperties: {
        version: '1.2.3',
        size: '300000',
        sha256,
        filename: 'Test_Gateway-1.2.3.bin',
      },
    });
  });

  it('MQTT 3.1.1 carries the same bytes without properties', async () => {
    const broker = await scriptedBroker();
    await sendMqtt({ broker: broker.url, topic: 'fw', protocol_version: 4 });
    expect(broker.packets[0]).toMatchObject({ cmd: 'connect', protocolVersion: 4 });
    const [message] = published(broker.packets);
    expect(sampleBytes.equals(message?.payload as Buffer)).toBe(true);
    expect(message?.properties).toBeUndefined();
  });

  it('QoS 2 is done after PUBREC and PUBCOMP', async () => {
    const broker = await scriptedBroker();
    const receipt = await sendMqtt({ broker: broker.url, topic: 'fw', qos: 2 });
    expect(receipt.answer).toBe('PUBCOMP');
    await broker.arrival('disconnect');
    expect(broker.packets.map(({ cmd }) => cmd)).toEqual([
      'connect',
      'publish',
      'pubrel',
      'disconnect',
    ]);
  });

  it('QoS 0 has no acknowledgement, and the receipt says so', async () => {
    const broker = await scriptedBroker();
    const receipt = await sendMqtt({ broker: broker.url, topic: 'fw', qos: 0 });
    expect(receipt.answer).toBeUndefined();
    expect(receipt.warnings).toEqual([
      'QoS 0: the broker does not confirm that it took the message',
    ]);
    expect(published(broker.packets)).toHaveLength(1);
  });

  it('after QoS 0 a broker that does not hang up is left after the timeout', async () => {
    const broker = await scriptedBroker({ onPacket: () => {} });
    const context = { timeoutMs: 1000 };
    const receipt = await sendMqtt({ broker: broker.url, topic: 'fw', qos: 0 }, { context });
    expect(receipt.sentBytes).toBe(sampleBytes.length);
  });

  it('a description follows on metadata_topic, once the firmware is acknowledged', async () => {
    const acknowledged: string[] = [];
    const broker = await scriptedBroker({
      onPacket(packet, connection) {
        if (packet.cmd === 'publish') acknowledged.push(packet.topic);
        acknowledge(packet, connection);
      },
    });
    await sendMqtt({ broker: broker.url, topic: 'fw', metadata_topic: 'fw/{hardware}/about' });
    expect(acknowledged).toEqual(['fw', 'fw/esp32s3/about']);
    const [, about] = published(broker.packets);
    expect(about?.properties).toMatchObject({ contentType: 'application/json' });
    expect(JSON.parse(String(about?.payload))).toEqual({
      product: 'Test Gateway',
      hardware: 'esp32s3',
      version: '1.2.3',
      artifact: 'Test Gateway',
      filename: 'Test_Gateway-1.2.3.bin',
      size: 300_000,
      sha256,
      topic: 'fw',
    });
  });

  it('the signature of a signed release goes along, in properties and description', async () => {
    const broker = await scriptedBroker();
    const facts = { signature: 'c2lnbmF0dXJl' };
    await sendMqtt({ broker: broker.url, topic: 'fw', metadata_topic: 'about' }, { facts });
    const [message, about] = published(broker.packets);
    expect(message?.properties?.userProperties).toMatchObject(facts);
    expect(JSON.parse(String(about?.payload))).toMatchObject(facts);
  });

  it('no description is sent when the firmware is refused', async () => {
    const broker = await scriptedBroker({
      onPacket(packet, connection) {
        const { messageId = 0 } = packet;
        connection.send({ cmd: 'puback', messageId, reasonCode: 0x97 });
      },
    });
    await failureOf(sendMqtt({ broker: broker.url, topic: 'fw', metadata_topic: 'about' }));
    expect(published(broker.packets)).toHaveLength(1);
  });

  it('nobody listening is a warning, for each topic', async () => {
    const broker = await scriptedBroker({
      onPacket(packet, connection) {
        if (packet.cmd !== 'publish') return acknowledge(packet, connection);
        const { messageId = 0 } = packet;
        connection.send({ cmd: 'puback', messageId, reasonCode: 0x10 });
      },
    });
    const receipt = await sendMqtt({ broker: broker.url, topic: 'fw', metadata_topic: 'about' });
    expect(receipt.warnings).toEqual([
      'nobody has subscribed to fw',
      'nobody has subscribed to about',
    ]);
  });

  it('a firmware that is not as long as announced is never complete on the wire', async () => {
    const broker = await scriptedBroker();
    for (const sizeBytes of [sampleBytes.length - 1, sampleBytes.length + 1]) {
      const payload = payloadOf(sampleBytes, { sizeBytes });
      const channel = { broker: broker.url, topic: 'fw' };
      const [delivery] = mqtt.prepare(channel, { artifact: payload.facts, devices: [] });
      const error = await failureOf(delivery?.send(payload, sendContext()) ?? Promise.resolve());
      expect(error).toMatchObject({ code: 'artifact-size-mismatch', retryable: false });
    }
    expect(published(broker.packets)).toEqual([]);
  });

  it('an error while the file is read ends the delivery with that error', async () => {
    const broker = await scriptedBroker();
    const facts = factsOf(sampleBytes);
    const [delivery] = mqtt.prepare(
      { broker: broker.url, topic: 'fw' },
      { artifact: facts, devices: [] },
    );
    const broken = new Error('disk on fire');
    const stream = () =>
      new Readable({
        read() {
          this.destroy(broken);
        },
      });
    const payload = { facts, stream, bytes: async () => sampleBytes };
    const sending = delivery?.send(payload, sendContext()) ?? Promise.resolve();
    expect(await failureOf(sending)).toBe(broken);
  });
});
