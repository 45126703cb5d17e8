import type { IPublishPacket, Packet } from 'mqtt-packet';
import { onTestFinished } from 'vitest';
import type { ArtifactFacts, Receipt, SendContext } from '../../tools/core/release/delivery.ts';
import { mqtt } from '../../tools/transports/mqtt.ts';
import { payloadOf, sampleBytes, sendContext } from './deliveries.ts';
import { type BrokerScript, createScriptedBroker, type ScriptedBroker } from './scripted-broker.ts';

/** Sends over MQTT with the given channel. */
export function sendMqtt(
  channel: object,
  options: {
    bytes?: Uint8Array;
    facts?: Partial<ArtifactFacts>;
    context?: Partial<SendContext>;
  } = {},
): Promise<Receipt> {
  const payload = payloadOf(options.bytes ?? sampleBytes, options.facts);
  const [delivery] = mqtt.prepare(channel, { artifact: payload.facts, devices: [] });
  if (delivery === undefined) throw new Error('no delivery');
  return delivery.send(payload, sendContext(options.context));
}

/** A scripted broker that ends with the test. */
export async function scriptedBroker(script?: BrokerScript): Promise<ScriptedBroker> {
  const broker = await createScriptedBroker(script);
  onTestFinished(broker.close);
  return broker;
}

/** The messages among packets. */
export function published(packets: readonly Packet[]): IPublishPacket[] {
  return packets.filter((packet) => packet.cmd === 'publish');
}
