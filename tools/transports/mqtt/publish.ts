import type { Readable } from 'node:stream';
import type { IPublishPacket } from 'mqtt-packet';
import { DeliveryFailure } from '../../core/release/delivery.ts';
import type { Deadline } from '../deadline.ts';
import { slicesOf } from '../slices.ts';
import { loadCodec } from './connection/codec.ts';
import { type Link, unexpectedPacket } from './connection/link.ts';
import { createPublishHead, type PublishHead } from './connection/publish-packet.ts';
import { reason, refusal } from './connection/reasons.ts';

export interface Message {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly sizeBytes: number;
  /** Sent over MQTT 5 only. */
  readonly properties: NonNullable<IPublishPacket['properties']>;
  /** Called once, when the broker is known to take the message. */
  open(): Readable;
}

/** What a broker said about a message that it took. */
export interface Acknowledgement {
  /** PUBACK or PUBCOMP; nothing after QoS 0. */
  readonly packet?: string;
  readonly noSubscribers: boolean;
}

/** What the broker allows (MQTT 5 §3.2.2.3); one that speaks 3.1.1 does not say. */
export interface Limits {
  readonly maximumPacketSize: number;
  readonly maximumQos: number;
  readonly retainAvailable: boolean;
}

export interface PublishContext {
  readonly link: Link;
  readonly peer: string;
  readonly deadline: Deadline;
  readonly limits: Limits;
}

/** Common brokers take at least this much; one that hangs up below it has another reason. */
const smallestBrokerLimit = 65_536;

/** Sends PUBLISH, after checking that the broker allows it. */
export async function sendMessage(
  context: PublishContext,
  message: Message,
  packetId: number,
  onSent: (bytes: number) => void,
): Promise<void> {
  const { link, deadline } = context;
  const head = await encodeHead(message, packetId, link.version);
  checkLimits(context, message, head.packetBytes);
  link.ask(`the message to ${message.topic}`);
  deadline.touch(0, 'sending the message');
  try {
    await link.write(head.bytes);
    let sent = 0;
    for await (const slice of slicesOf(message.open(), message.sizeBytes, deadline.signal)) {
      await link.write(slice);
      sent += slice.length;
      deadline.touch(sent);
      onSent(sent);
    }
  } catch (error) {
    throw tooLargePerhaps(context, message, link.failure ?? error);
  }
}

/** Waits for PUBACK, or for PUBREC and PUBCOMP (MQTT 5 §4.3). */
export async function awaitAcknowledgement(
  context: PublishContext,
  message: Message,
  packetId: number,
): Promise<Acknowledgement> {
  if (message.qos === 0) return { noSubscribers: false };
  context.deadline.touch(message.sizeBytes, 'waiting for the acknowledgement');
  try {
    const code = await receiveAnswer(
      context,
      message,
      packetId,
      message.qos === 1 ? 'puback' : 'pubrec',
    );
    const noSubscribers = code === reason.noMatchingSubscribers;
    if (message.qos === 1) return { packet: 'PUBACK', noSubscribers };
    context.link.send({ cmd: 'pubrel', messageId: packetId });
    await receiveAnswer(context, message, packetId, 'pubcomp');
    return { packet: 'PUBCOMP', noSubscribers };
  } catch (error) {
    throw tooLargePerhaps(context, message, error);
  }
}

/** Waits for PUBREC, and leaves it at that. */
export async function awaitReceived(
  context: PublishContext,
  message: Message,
  packetId: number,
): Promise<void> {
  context.deadline.touch(message.sizeBytes, 'waiting for the acknowledgement');
  await receiveAnswer(context, message, packetId, 'pubrec');
}

async function receiveAnswer(
  { link, peer }: PublishContext,
  { topic }: Message,
  packetId: number,
  expected: 'puback' | 'pubrec' | 'pubcomp',
): Promise<number> {
  const answer = await link.receive();
  if (answer.cmd !== expected || answer.messageId !== packetId)
    throw unexpectedPacket(peer, answer);
  const code = answer.reasonCode ?? 0;
  if (code < reason.firstFailure) return code;
  throw refusal(peer, `the message to ${topic}`, code, answer.properties?.reasonString);
}

async function encodeHead(
  message: Message,
  packetId: number,
  version: 4 | 5,
): Promise<PublishHead> {
  const { generate } = await loadCodec();
  const { topic, qos, retain, properties, sizeBytes } = message;
  const empty = generate(
    {
      cmd: 'publish',
      topic,
      qos,
      retain,
      dup: false,
      payload: '',
      ...(qos === 0 ? {} : { messageId: packetId }),
      ...(version === 5 ? { properties } : {}),
    },
    { protocolVersion: version },
  );
  return createPublishHead(empty, sizeBytes);
}

function checkLimits(
  { peer, limits }: PublishContext,
  message: Message,
  packetBytes: number,
): void {
  const { maximumPacketSize, maximumQos, retainAvailable } = limits;
  if (packetBytes > maximumPacketSize) {
    throw new DeliveryFailure(
      'mqtt-too-large',
      `${peer} accepts packets of ${maximumPacketSize} bytes; this message makes ${packetBytes}`,
      {
        hint: 'Raise the packet limit of the broker (Mosquitto: max_packet_size), or deliver over HTTPS.',
        retryable: false,
      },
    );
  }
  if (message.qos > maximumQos)
    throw unsupported(peer, `QoS ${message.qos}`, `Set \`qos\` to ${maximumQos}.`);
  if (message.retain && !retainAvailable) {
    throw unsupported(peer, 'retained messages', 'Set `retain` to false.');
  }
}

function unsupported(peer: string, what: string, hint: string): DeliveryFailure {
  return new DeliveryFailure('mqtt-unsupported', `${peer} does not support ${what}`, {
    hint,
    retryable: false,
  });
}

/**
 * Without MQTT 5 a broker has no words for "too large": it hangs up in the middle of the message. A
 * broker that restarts looks the same, so another attempt is allowed.
 */
function tooLargePerhaps({ peer }: PublishContext, message: Message, error: unknown): unknown {
  const hungUp =
    error instanceof DeliveryFailure && error.code === 'connection-failed' && error.retryable;
  if (!hungUp || message.sizeBytes < smallestBrokerLimit) return error;
  return new DeliveryFailure(
    'mqtt-too-large',
    `${peer} hung up before it acknowledged the message of ${message.sizeBytes} bytes; brokers do so when a message exceeds their packet limit`,
    {
      hint: 'Raise the packet limit of the broker (Mosquitto: max_packet_size, EMQX: mqtt.max_packet_size), check that the user may publish to this topic, or deliver over HTTPS.',
      retryable: true,
      cause: error,
    },
  );
}
