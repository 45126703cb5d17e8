import { setMaxListeners } from 'node:events';
import type { IClientOptions, IPublishPacket, MqttClient } from 'mqtt';
import { cancelledError, OtaError } from '../../../core/errors.ts';
import type { TlsFiles } from '../../tls-files.ts';
import { matchesFilter } from '../topic-filter.ts';
import { type Broker, peerOf } from './broker-url.ts';
import {
  closedByPeer,
  explain,
  explainSubscription,
  noAnswer,
  UnsupportedVersion,
} from './client-failure.ts';
import { reason, refusal } from './reasons.ts';

/** How to reach a broker for a conversation, as opposed to one message. */
export interface ClientSettings {
  readonly broker: Broker;
  readonly tls: TlsFiles;
  readonly insecure: boolean;
  readonly clientId: string;
  readonly username?: string;
  readonly password?: string;
  readonly keepaliveSeconds: number;
  /** When it is not set, 5 is tried first. */
  readonly protocolVersion?: 4 | 5;
  /** The broker keeps subscriptions and messages for so long while we are away; 0 for not at all. */
  readonly sessionSeconds: number;
  /** How long the first connection may take. */
  readonly timeoutMs: number;
  /** After so long a broken connection is made again; default 1 s. */
  readonly reconnectMs?: number;
}

export interface ClientContext {
  readonly signal: AbortSignal;
  /** The connection is gone, or stands again. The first time is not told. */
  notify?(event: 'lost' | 'back'): void;
}

export interface IncomingMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  /** The broker kept it from before we subscribed. */
  readonly retained: boolean;
}

export interface PublishOptions {
  readonly qos: 0 | 1 | 2;
  readonly retain?: boolean;
  /** Sent over MQTT 5 only. */
  readonly properties?: IPublishPacket['properties'];
}

/** What the broker allows (MQTT 5 §3.2.2.3); one that speaks 3.1.1 does not say. */
export interface ClientLimits {
  readonly maximumPacketSize: number;
  readonly receiveMaximum: number;
}

/** A connection that comes back by itself, with its subscriptions. */
export interface BrokerClient {
  readonly peer: string;
  readonly version: 4 | 5;
  readonly limits: ClientLimits;
  /** Resolves when the broker has acknowledged the message, after a reconnection if need be. */
  publish(topic: string, payload: Uint8Array | string, options: PublishOptions): Promise<void>;
  subscribe(
    filter: string,
    qos: 0 | 1 | 2,
    handle: (message: IncomingMessage) => void,
  ): Promise<void>;
  /** Drops the connection, and makes it anew: for faults on demand. */
  reconnect(): void;
  /** Takes leave. What is not acknowledged yet is given up. */
  close(): Promise<void>;
}

/** MQTT 5 §3.2.2.3.3: absent means 65,535. */
const defaultReceiveMaximum = 65_535;
const reconnectMs = 1000;

/**
 * Connects, with MQTT 5 first and 3.1.1 for brokers that know no better.
 *
 * @throws DeliveryFailure when the first connection fails, or OtaError `cancelled`
 */
export async function openClient(
  settings: ClientSettings,
  context: ClientContext,
): Promise<BrokerClient> {
  const first = settings.protocolVersion ?? 5;
  try {
    return await connectOnce(settings, first, context);
  } catch (error) {
    if (!(error instanceof UnsupportedVersion)) throw error;
    if (settings.protocolVersion !== undefined) throw error.failure;
  }
  return await connectOnce(settings, 4, context);
}

async function connectOnce(
  settings: ClientSettings,
  version: 4 | 5,
  context: ClientContext,
): Promise<BrokerClient> {
  const { connect } = await import('mqtt');
  if (context.signal.aborted) throw cancelledError();
  setMaxListeners(0, context.signal); // a process may hold thousands of connections
  const peer = peerOf(settings.broker);
  const client = connect(clientOptions(settings, version));
  try {
    const limits = await firstConnection(client, peer, settings.timeoutMs, context.signal);
    return createClient(client, { peer, version, limits, context });
  } catch (error) {
    client.on('error', () => {});
    client.end(true);
    throw error;
  }
}

function clientOptions(settings: ClientSettings, version: 4 | 5): IClientOptions {
  const { broker, tls, insecure, username, password, sessionSeconds } = settings;
  return {
    protocol: broker.protocol,
    host: broker.host,
    port: broker.port,
    ...(broker.path === '' ? {} : { path: broker.path }),
    ...(broker.tls ? { ...tls, rejectUnauthorized: !insecure } : {}),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    clientId: settings.clientId,
    keepalive: settings.keepaliveSeconds,
    protocolVersion: version,
    clean: sessionSeconds === 0,
    ...(version === 5 ? { properties: { sessionExpiryInterval: sessionSeconds } } : {}),
    // Ours ends the first attempt, with words.
    connectTimeout: settings.timeoutMs + 1000,
    reconnectPeriod: settings.reconnectMs ?? reconnectMs,
    reconnectOnConnackError: true,
    resubscribe: true,
  };
}

function firstConnection(
  client: MqttClient,
  peer: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ClientLimits> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => finish(() => reject(noAnswer(peer, timeoutMs))), timeoutMs);
    const cancel = () => finish(() => reject(cancelledError()));
    const fail = (error: Error) => finish(() => reject(explain(error, peer)));
    const hungUp = () => finish(() => reject(closedByPeer(peer)));
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', cancel);
      client.off('error', fail);
      client.off('close', hungUp);
      settle();
    };
    signal.addEventListener('abort', cancel, { once: true });
    client.on('error', fail);
    client.on('close', hungUp);
    client.once('connect', ({ properties }) => {
      const limits = {
        maximumPacketSize: properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY,
        receiveMaximum: properties?.receiveMaximum ?? defaultReceiveMaximum,
      };
      finish(() => resolve(limits));
    });
  });
}

interface Established {
  readonly peer: string;
  readonly version: 4 | 5;
  readonly limits: ClientLimits;
  readonly context: ClientContext;
}

function createClient(client: MqttClient, established: Established): BrokerClient {
  const { peer, version, limits, context } = established;
  const closed = new AbortController();
  const cancellable = createCancellable(context.signal, closed.signal);
  const handlers: { filter: string; handle: (message: IncomingMessage) => void }[] = [];
  // What happens to a standing connection is answered by the next attempt, and told as lost and back.
  client.on('error', () => {});
  client.on('offline', () => context.notify?.('lost'));
  client.on('connect', () => context.notify?.('back'));
  client.on('message', (topic, payload, { qos, retain }) => {
    const message = { topic, payload, qos, retained: retain };
    for (const { filter, handle } of handlers) if (matchesFilter(filter, topic)) handle(message);
  });
  return {
    peer,
    version,
    limits,
    async publish(topic, payload, options) {
      const { qos, retain = false, properties } = options;
      const described = version === 5 && properties !== undefined ? { properties } : {};
      const bytes = typeof payload === 'string' ? payload : bufferOf(payload);
      await cancellable(client.publishAsync(topic, bytes, { qos, retain, ...described })).catch(
        (error: unknown) => Promise.reject(explain(error, peer, `the message to ${topic}`)),
      );
    },
    async subscribe(filter, qos, handle) {
      handlers.push({ filter, handle });
      const code = await subscribeOnce(client, peer, filter, qos, cancellable);
      if (code >= reason.firstFailure) throw refusal(peer, `the subscription to ${filter}`, code);
    },
    reconnect: () => client.stream.destroy(),
    async close() {
      closed.abort();
      await new Promise<void>((resolve) => client.end(true, {}, () => resolve()));
    },
  };
}

/** Subscribes; a connection that breaks meanwhile comes back, and the request is made again. */
async function subscribeOnce(
  client: MqttClient,
  peer: string,
  filter: string,
  qos: 0 | 1 | 2,
  cancellable: Cancellable,
): Promise<number> {
  for (;;) {
    try {
      const grants = await cancellable(client.subscribeAsync(filter, { qos }));
      return grants[0]?.qos ?? 0;
    } catch (error) {
      const failure = explainSubscription(error, peer, filter);
      const broken = failure instanceof OtaError && failure.code === 'connection-failed';
      if (!broken || client.disconnecting) throw failure;
    }
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Runs work that may never end, until it does, or until the signal is aborted, or the client closed. */
type Cancellable = <T>(work: Promise<T>) => Promise<T>;

/** One listener on the signal, however many acknowledgements are awaited. */
function createCancellable(signal: AbortSignal, closed: AbortSignal): Cancellable {
  const waiting = new Set<() => void>();
  const cancelAll = () => {
    for (const cancel of waiting) cancel();
  };
  signal.addEventListener('abort', cancelAll, { signal: closed });
  closed.addEventListener('abort', cancelAll);
  return (work) =>
    new Promise((resolve, reject) => {
      const cancel = () => reject(cancelledError());
      if (signal.aborted || closed.aborted) cancel();
      waiting.add(cancel);
      work.then(resolve, reject).finally(() => waiting.delete(cancel));
    });
}
