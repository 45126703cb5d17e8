import type { IConnackPacket, Packet } from 'mqtt-packet';
import { OtaError } from '../../../core/errors.ts';
import type { DeliveryFailure } from '../../../core/release/delivery.ts';
import type { Deadline } from '../../deadline.ts';
import {
  type Acknowledgement,
  awaitAcknowledgement,
  awaitReceived,
  type Limits,
  type Message,
  sendMessage,
} from '../publish.ts';
import { createLink, type Link, type LinkOptions, unexpectedPacket } from './link.ts';
import { reason, reasonOfConnack, refusal } from './reasons.ts';

export interface Credentials {
  readonly clientId: string;
  readonly username?: string;
  readonly password?: string;
  /** Seconds; 0 switches it off. */
  readonly keepalive: number;
}

/** A connection that publishes messages, one after the other. */
export interface MqttSession {
  /**
   * Sends one message as a stream and waits for what its QoS promises. The limits that the broker named
   * are checked before a byte of it is sent.
   */
  publish(message: Message, onSent: (bytes: number) => void): Promise<Acknowledgement>;
  /** Sends a message with QoS 2 that is never released: the broker says whether it would take it. */
  probe(message: Message): Promise<void>;
  /** Takes leave. After QoS 0, waits until the broker hangs up: it has read everything then. */
  end(): Promise<void>;
  /** Drops the connection, if it still stands. */
  close(): void;
}

export interface SessionOptions extends LinkOptions {
  readonly credentials: Credentials;
}

/**
 * Connects and waits for CONNACK.
 *
 * @returns the refusal, when all that is wrong is that the broker does not speak this protocol version
 * @throws DeliveryFailure, or OtaError `cancelled`
 */
export async function openSession(options: SessionOptions): Promise<MqttSession | DeliveryFailure> {
  const { peer, credentials, deadline } = options;
  const link = await createLink(options);
  try {
    link.send(connectPacket(credentials, link.version));
    const answer = await link.receive();
    if (answer.cmd !== 'connack') throw unexpectedPacket(peer, answer);
    const code = reasonOfConnack(answer);
    if (code >= reason.firstFailure) {
      const failure = refusal(peer, 'the connection', code, answer.properties?.reasonString);
      if (code !== reason.unsupportedProtocolVersion) throw failure;
      link.close();
      return failure;
    }
    return createSession(link, peer, deadline, limitsOf(answer), keepaliveOf(answer, credentials));
  } catch (error) {
    link.close();
    throw error;
  }
}

function connectPacket(credentials: Credentials, version: 4 | 5): Packet {
  const { clientId, username, password, keepalive } = credentials;
  return {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: version,
    clean: true,
    clientId,
    keepalive,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: Buffer.from(password) }),
  };
}

function limitsOf({ properties }: IConnackPacket): Limits {
  return {
    maximumPacketSize: properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY,
    // MQTT 5 §3.2.2.3.4: absent means 2.
    maximumQos: properties?.maximumQoS ?? 2,
    retainAvailable: properties?.retainAvailable ?? true,
  };
}

/** MQTT 5 §3.2.2.3.14: the server's value counts. */
function keepaliveOf({ properties }: IConnackPacket, credentials: Credentials): number {
  return properties?.serverKeepAlive ?? credentials.keepalive;
}

function createSession(
  link: Link,
  peer: string,
  deadline: Deadline,
  limits: Limits,
  keepalive: number,
): MqttSession {
  let packetId = 0;
  let sendingMessage = false;
  let unconfirmed = false;
  // MQTT 5 §3.1.2.10: something must be sent within the interval. In the middle of a message nothing
  // can be, and need not be: its bytes are what the broker hears.
  const ping = () => {
    if (!sendingMessage) link.send({ cmd: 'pingreq' });
  };
  const context = { link, peer, deadline, limits };
  const pings = keepalive === 0 ? undefined : setInterval(ping, keepalive * 750);

  return {
    async publish(message, onSent) {
      packetId += 1;
      unconfirmed ||= message.qos === 0;
      sendingMessage = true;
      await sendMessage(context, message, packetId, onSent);
      sendingMessage = false;
      return await awaitAcknowledgement(context, message, packetId);
    },
    async probe(message) {
      packetId += 1;
      await sendMessage(context, message, packetId, () => {});
      await awaitReceived(context, message, packetId);
    },
    async end() {
      clearInterval(pings);
      deadline.touch(0, 'hanging up');
      try {
        await link.end({ cmd: 'disconnect' }, unconfirmed);
      } catch (error) {
        // MQTT 5 §3.14.4: a server should hang up, but it need not.
        if (!(error instanceof OtaError) || error.code !== 'timeout') throw error;
      }
    },
    close() {
      clearInterval(pings);
      link.close();
    },
  };
}
