import type { Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { parseBroker } from '../../tools/transports/mqtt/connection/broker-url.ts';
import { probeTopic } from '../../tools/transports/mqtt/probe.ts';
import { rejection } from '../support/code.ts';
import { never } from '../support/fleet.ts';
import { scriptedBroker } from '../support/mqtt.ts';
import type { BrokerScript } from '../support/scripted-broker.ts';

async function probed(script: BrokerScript) {
  const broker = await scriptedBroker(script);
  const probing = probeTopic({
    broker: parseBroker(broker.url),
    tls: {},
    insecure: false,
    clientId: 'doctor',
    keepaliveSeconds: 60,
    timeoutMs: 5000,
    topic: 'all/command',
    payload: 'x',
    signal: never,
  });
  return { broker, probing };
}

const answering = (reasonCode: number): BrokerScript => ({
  onPacket(packet, connection) {
    if (packet.cmd === 'publish') {
      connection.send({ cmd: 'pubrec', messageId: packet.messageId ?? 0, reasonCode } as Packet);
    }
  },
});

describe('a probe of a topic', () => {
  it('sends a message that is never released, and takes leave', async () => {
    const { broker, probing } = await probed(answering(0));
    await probing;
    await broker.departure();
    expect(broker.packets.map(({ cmd }) => cmd)).toEqual(['connect', 'publish', 'disconnect']);
    expect(broker.packets[1]).toMatchObject({ qos: 2, retain: false, topic: 'all/command' });
    expect(broker.packets[0]).toMatchObject({ clean: true });
  });

  it('ends with the refusal of the broker', async () => {
    const { probing } = await probed(answering(0x87));
    expect(await rejection(probing)).toMatchObject({
      code: 'unauthorized',
      message: expect.stringContaining('refused the message to all/command: Not authorized'),
    });
  });

  it('sends nothing to a broker without QoS 2', async () => {
    const { broker, probing } = await probed({ connack: { properties: { maximumQoS: 1 } } });
    expect((await rejection(probing)).code).toBe('mqtt-unsupported');
    await broker.departure();
    expect(broker.packets.map(({ cmd }) => cmd)).toEqual(['connect']);
  });
});
