import { Readable } from 'node:stream';
import { DeliveryFailure } from '../../core/release/delivery.ts';
import { startDeadline } from '../deadline.ts';
import { type Broker, peerOf } from './connection/broker-url.ts';
import type { ClientSettings } from './connection/client.ts';
import { prepareConnection } from './connection/connection.ts';
import { openSession } from './connection/session.ts';

export interface ProbeOptions extends Omit<ClientSettings, 'protocolVersion' | 'sessionSeconds'> {
  readonly topic: string;
  /** In case that a broker delivers it all the same: something that nobody acts on. */
  readonly payload: string;
  readonly signal: AbortSignal;
}

/**
 * Asks a broker whether a message may be published, without publishing it: sends it with QoS 2, takes the reason code of
 * PUBREC (MQTT 5 §3.5.2.1), and leaves without PUBREL. A broker that follows method A of §4.3.3, as Mosquitto does,
 * delivers on PUBREL only, and forgets the message with the session.
 *
 * @throws DeliveryFailure `mqtt-unsupported` when the broker has no QoS 2; else as a message that is refused, or a
 *   connection: 3.1.1, which has no reason codes, is not tried
 */
export async function probeTopic(options: ProbeOptions): Promise<void> {
  const { broker, tls, insecure, topic, payload, timeoutMs, signal } = options;
  const peer = peerOf(broker);
  const deadline = startDeadline({ peer, timeoutMs, signal, doing: 'connecting' });
  const bytes = Buffer.from(payload);
  try {
    const open = await prepareConnection({ broker, tls, insecure });
    const credentials = credentialsOf(options, broker);
    const session = await openSession({ open, version: 5, peer, deadline, credentials });
    if (session instanceof DeliveryFailure) throw session;
    try {
      await session.probe({
        ...{ topic, qos: 2, retain: false, sizeBytes: bytes.length, properties: {} },
        open: () => Readable.from([bytes]),
      });
      await session.end();
    } finally {
      session.close();
    }
  } finally {
    deadline.stop();
  }
}

function credentialsOf(
  { clientId, username, password, keepaliveSeconds }: ProbeOptions,
  broker: Broker,
) {
  const user = username ?? broker.username;
  const secret = password ?? broker.password;
  return {
    clientId,
    keepalive: keepaliveSeconds,
    ...(user === undefined ? {} : { username: user }),
    ...(secret === undefined ? {} : { password: secret }),
  };
}
