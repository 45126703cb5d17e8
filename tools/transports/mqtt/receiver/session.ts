import { setMaxListeners } from 'node:events';
import type { IConnackPacket, IPublishPacket, ISubscription, Packet } from 'mqtt-packet';
import { noAnswer, UnsupportedVersion } from '../connection/client-failure.ts';
import { reason, reasonOfConnack, refusal } from '../connection/reasons.ts';
import { createAcknowledger } from './acknowledger.ts';
import type { OversizePublish } from './oversize.ts';
import { createPublisher } from './publisher.ts';
import { createWire, type Wire, type WireEnd, type WireOptions } from './wire.ts';

export interface ReceivedMessage {
  readonly topic: string;
  readonly payload: Buffer;
  /** The broker kept it from before we subscribed. */
  readonly retained: boolean;
  /** How large it was, when it was too large to be read. */
  readonly oversizeBytes?: number;
}

/**
 * What happens to messages: fulfilled, a message is acknowledged; rejected, it comes again in the next connection.
 *
 * @param signal aborted when there is no use in waiting any longer
 */
export type HandleMessage = (
  message: ReceivedMessage,
  session: Pick<ReceiverSession, 'publish'>,
  signal: AbortSignal,
) => Promise<void>;

export interface SessionOptions extends WireOptions {
  readonly clientId: string;
  readonly username?: string;
  readonly password?: string;
  readonly keepaliveSeconds: number;
  /** The broker keeps the session for so long; 0 begins a new one and ends it with the connection. */
  readonly sessionSeconds: number;
  /** Messages that may be on their way without an acknowledgement (MQTT 5: Receive Maximum). */
  readonly window: number;
  readonly timeoutMs: number;
  readonly handle: HandleMessage;
}

/** A connection that takes messages. */
export interface ReceiverSession {
  readonly sessionPresent: boolean;
  /** Several clients may share a subscription. */
  readonly canShare: boolean;
  /** Reason codes in the order of the subscriptions. */
  subscribe(subscriptions: readonly ISubscription[]): Promise<readonly number[]>;
  unsubscribe(filters: readonly string[]): Promise<void>;
  /** QoS 1; resolves with the acknowledgement. A message that is handled must not wait for it. */
  publish(topic: string, payload: string): Promise<void>;
  /** Resolves when all messages are acknowledged and the broker has none that waits. */
  drained(): Promise<void>;
  inFlight(): number;
  /** Resolves when the connection has ended. */
  readonly ended: Promise<WireEnd>;
  /**
   * Takes no more messages, waits for those under way, and takes leave.
   *
   * @param forget the broker ends the session at once (MQTT 5 only)
   */
  close(forget: boolean): Promise<void>;
}

/** Work under way has this long when a session is closed; what is not done then comes again. */
const closingMs = 5000;

/**
 * Connects and waits for CONNACK.
 *
 * @throws UnsupportedVersion when all that is wrong is the version; DeliveryFailure
 */
export async function openReceiverSession(options: SessionOptions): Promise<ReceiverSession> {
  const { peer, timeoutMs } = options;
  const wire = await createWire(options);
  const timer = setTimeout(() => wire.fail(noAnswer(peer, timeoutMs)), timeoutMs);
  try {
    const answering = wire.answer('connack', 0);
    wire.send(connectPacket(options));
    const answer = await answering;
    const code = reasonOfConnack(answer);
    if (code >= reason.firstFailure) throw refusedConnection(peer, code, answer);
    return createSession(wire, options, answer);
  } catch (error) {
    wire.fail(error as Error);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function refusedConnection(peer: string, code: number, answer: IConnackPacket): Error {
  const failure = refusal(peer, 'the connection', code, answer.properties?.reasonString);
  return code === reason.unsupportedProtocolVersion ? new UnsupportedVersion(failure) : failure;
}

function connectPacket(options: SessionOptions): Packet {
  const { version, clientId, username, password, sessionSeconds } = options;
  const properties = {
    sessionExpiryInterval: sessionSeconds,
    receiveMaximum: options.window,
    maximumPacketSize: options.largestMessageBytes,
  };
  return {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: version,
    clean: sessionSeconds === 0,
    clientId,
    keepalive: options.keepaliveSeconds,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: Buffer.from(password) }),
    ...(version === 5 ? { properties } : {}),
  };
}

function createSession(
  wire: Wire,
  options: SessionOptions,
  answer: IConnackPacket,
): ReceiverSession {
  const { handle, version } = options;
  const { properties } = answer;
  const ending = new AbortController();
  setMaxListeners(0, ending.signal);
  const acknowledger = createAcknowledger({
    acknowledge: wire.acknowledge,
    full: wire.pause,
    // MQTT 5 brokers keep to the window by themselves, and their other packets must be read.
    window: version === 5 ? options.window + 1 : options.window,
  });
  const ids = createIds();
  const publish = createPublisher(wire, options.peer, ids, properties?.receiveMaximum);
  const receive = (message: ReceivedMessage, messageId: number | undefined): void =>
    acknowledger.add(messageId, handle(message, { publish }, ending.signal));
  wire.onMessage(({ kind, packet }) => {
    const messageId = packet.qos === 0 ? undefined : packet.messageId;
    receive(kind === 'whole' ? wholeOf(packet) : oversizeOf(packet), messageId);
  });
  // MQTT 5 §3.2.2.3.14: the server's value counts.
  wire.keepAlive(properties?.serverKeepAlive ?? options.keepaliveSeconds);
  const ended = wire.ended.finally(() => {
    ending.abort();
    acknowledger.forget();
  });
  return {
    sessionPresent: answer.sessionPresent,
    canShare: version === 5 && properties?.sharedSubscriptionAvailable !== false,
    ...createQuestions(wire, ids),
    publish,
    async drained() {
      for (let before = -1; before !== acknowledger.count(); ) {
        before = acknowledger.count();
        await acknowledger.idle();
        // What was acknowledged made room for more, which comes before the answer.
        await wire.ping();
        await acknowledger.idle();
      }
    },
    inFlight: acknowledger.inFlight,
    ended,
    async close(forget) {
      wire.pause(true);
      ending.abort();
      await within(acknowledger.settled(), closingMs);
      acknowledger.flush();
      wire.end(
        forget && version === 5
          ? { cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 0 } }
          : { cmd: 'disconnect' },
      );
      await ended;
    },
  };
}

function wholeOf({ topic, payload, retain }: IPublishPacket): ReceivedMessage {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
  return { topic, payload: bytes, retained: retain };
}

function oversizeOf({ topic, bytes }: OversizePublish): ReceivedMessage {
  return { topic, payload: Buffer.alloc(0), retained: false, oversizeBytes: bytes };
}

/** Packet identifiers (MQTT 5 §2.2.1). */
function createIds(): () => number {
  let last = 0;
  return () => {
    last = (last % 0xffff) + 1;
    return last;
  };
}

function createQuestions(
  wire: Wire,
  ids: () => number,
): Pick<ReceiverSession, 'subscribe' | 'unsubscribe'> {
  return {
    async subscribe(subscriptions) {
      const messageId = ids();
      const answered = wire.answer('suback', messageId);
      wire.send({ cmd: 'subscribe', messageId, subscriptions: [...subscriptions] });
      return (await answered).granted.map(Number);
    },
    async unsubscribe(filters) {
      const messageId = ids();
      const answered = wire.answer('unsuback', messageId);
      wire.send({ cmd: 'unsubscribe', messageId, unsubscriptions: [...filters] });
      await answered;
    },
  };
}

async function within(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
