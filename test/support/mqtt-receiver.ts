import type { IConnackPacket, Packet } from 'mqtt-packet';
import { expect, onTestFinished } from 'vitest';
import { parseBroker } from '../../tools/transports/mqtt/connection/broker-url.ts';
import {
  type ReceiverEvent,
  type ReceiverOptions,
  type ReceiverSettings,
  runReceiver,
} from '../../tools/transports/mqtt/receiver/receiver.ts';
import { acknowledge, type BrokerConnection, type BrokerScript } from './scripted-broker.ts';

/** How a receiver of a test reaches its broker. */
export function settingsFor(
  url: string,
  changes: Partial<ReceiverSettings> = {},
): ReceiverSettings {
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
export function receive(
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
export function grantingScript(
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

/** A message as the broker sends it. */
export const message = (messageId: number, topic = 'a/1', payload = `m${messageId}`): Packet => ({
  cmd: 'publish',
  topic,
  payload,
  qos: 1,
  dup: false,
  retain: false,
  messageId,
});

/** The numbers of the messages that were acknowledged, in order. */
export const acknowledged = (packets: readonly Packet[]): number[] =>
  packets.flatMap((packet) => (packet.cmd === 'puback' ? [packet.messageId ?? 0] : []));
