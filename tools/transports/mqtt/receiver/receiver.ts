import { setTimeout as sleep } from 'node:timers/promises';
import { type RetryPolicy, retryDelayMs } from '../../../core/retry.ts';
import type { TlsFiles } from '../../tls-files.ts';
import { type Broker, peerOf } from '../connection/broker-url.ts';
import { UnsupportedVersion } from '../connection/client-failure.ts';
import { prepareConnection } from '../connection/connection.ts';
import { reason, refusal } from '../connection/reasons.ts';
import { type HandleMessage, openReceiverSession, type ReceiverSession } from './session.ts';

export interface ReceiverSettings {
  readonly broker: Broker;
  readonly tls: TlsFiles;
  readonly clientId: string;
  readonly username?: string;
  readonly password?: string;
  readonly keepaliveSeconds: number;
  /** The broker keeps what comes while we are away for so long. */
  readonly sessionSeconds: number;
  /** Messages that may be on their way without an acknowledgement. */
  readonly window: number;
  readonly largestMessageBytes: number;
  /** How long a connection may take. */
  readonly timeoutMs: number;
}

export interface ReceiverOptions {
  readonly settings: ReceiverSettings;
  readonly filters: readonly string[];
  /** Clients of one group share the messages, where the broker knows how to (MQTT 5 §4.8.2). */
  readonly group: string;
  readonly handle: HandleMessage;
  notify(event: ReceiverEvent): void;
  readonly random: () => number;
  /** Ends the receiver. */
  readonly signal: AbortSignal;
}

export type ReceiverEvent =
  | {
      readonly type: 'connected';
      readonly version: 4 | 5;
      readonly shared: boolean;
      /** The broker has kept what came meanwhile. */
      readonly resumed: boolean;
      readonly session: ReceiverSession;
    }
  /** One of several subscriptions is not allowed. */
  | { readonly type: 'refused'; readonly error: Error }
  | { readonly type: 'lost'; readonly error: Error };

const policy: RetryPolicy = { retries: Number.POSITIVE_INFINITY, baseMs: 500, maxMs: 30_000 };

/**
 * Takes messages until the signal is aborted, over as many connections as that needs. Never rejects.
 *
 * @returns why it ended: another client may have taken the session over
 */
export async function runReceiver(options: ReceiverOptions): Promise<'stopped' | 'taken-over'> {
  const { signal, notify } = options;
  const connect = createConnector(options.settings, options.handle);
  for (let failures = 0; !signal.aborted; ) {
    try {
      const end = await runSession(await connect(signal), options, () => {
        failures = 0;
      });
      if (signal.aborted) break;
      notify({ type: 'lost', error: end.error });
      if (end.takenOver) return 'taken-over';
    } catch (error) {
      if (signal.aborted) break;
      notify({ type: 'lost', error: error as Error });
    }
    failures += 1;
    const pauseMs = retryDelayMs(policy, Math.min(failures, 16), options.random()) ?? policy.maxMs;
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
  }
  return 'stopped';
}

/**
 * Takes what the broker still keeps for a client that is gone, and ends its session.
 *
 * @returns whether there was a session
 * @throws when the connection breaks; what was not acknowledged is still kept then
 */
export async function drainSession(
  options: Pick<ReceiverOptions, 'settings' | 'filters' | 'group' | 'handle' | 'signal'>,
): Promise<boolean> {
  const { settings, filters, group, handle, signal } = options;
  const session = await createConnector(settings, handle)(signal);
  const leave = () => void session.close(false);
  signal.addEventListener('abort', leave, { once: true });
  try {
    if (session.sessionPresent) {
      // From here on its share of the messages goes to the others.
      await session.unsubscribe([...filters.map((filter) => shareOf(group, filter)), ...filters]);
      await session.drained();
    }
    signal.throwIfAborted();
  } catch (error) {
    await session.close(false);
    throw error;
  } finally {
    signal.removeEventListener('abort', leave);
  }
  await session.close(true);
  const { sessionPresent } = session;
  if (session.version === 5) return sessionPresent;
  // MQTT 3.1.1 §3.1.2.4: the way to end a session is to begin another.
  const last = await createConnector({ ...settings, sessionSeconds: 0 }, handle)(signal);
  await last.close(true);
  return sessionPresent;
}

type VersionedSession = ReceiverSession & { readonly version: 4 | 5 };

/** Connects with MQTT 5, and with 3.1.1 to a broker that has shown that it knows no better. */
function createConnector(
  settings: ReceiverSettings,
  handle: HandleMessage,
): (signal: AbortSignal) => Promise<VersionedSession> {
  const { broker, tls } = settings;
  let version: 4 | 5 = 5;
  const open = async (): Promise<VersionedSession> => ({
    ...(await openReceiverSession({
      ...settings,
      open: await prepareConnection({ broker, tls, insecure: false }),
      version,
      peer: peerOf(broker),
      handle,
    })),
    version,
  });
  return async (signal) => {
    signal.throwIfAborted();
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof UnsupportedVersion)) throw error;
      if (version === 4) throw error.failure;
      version = 4;
      return open();
    }
  };
}

async function runSession(
  session: VersionedSession,
  options: ReceiverOptions,
  established: () => void,
) {
  const { signal } = options;
  const leave = () => void session.close(false);
  signal.addEventListener('abort', leave, { once: true });
  try {
    if (signal.aborted) leave();
    else {
      const shared = await subscribe(session, options);
      established();
      const { version, sessionPresent: resumed } = session;
      options.notify({ type: 'connected', version, shared, resumed, session });
      if (shared && !resumed) await readRetained(session, options.filters);
    }
  } catch (error) {
    await session.close(false);
    const end = await session.ended;
    if (end.takenOver) return end;
    throw error;
  } finally {
    void session.ended.then(() => signal.removeEventListener('abort', leave));
  }
  return session.ended;
}

/** Subscribes, shared if possible; one subscription at least must be granted. */
async function subscribe(
  session: ReceiverSession,
  { filters, group, settings, notify }: ReceiverOptions,
): Promise<boolean> {
  const ask = async (shared: boolean): Promise<readonly number[]> =>
    session.subscribe(
      filters.map((filter) => ({
        topic: shared ? shareOf(group, filter) : filter,
        qos: 1,
        // What is kept is read separately, once (MQTT 5 §3.8.3.1).
        ...(shared ? { rh: 2 } : {}),
      })),
    );
  let shared = session.canShare;
  let codes = await ask(shared);
  if (shared && codes.includes(reason.sharedNotSupported)) {
    shared = false;
    codes = await ask(false);
  }
  const refused = codes.flatMap((code, index) =>
    code < reason.firstFailure
      ? []
      : [refusal(peerOf(settings.broker), `the subscription to ${filters[index]}`, code)],
  );
  if (refused[0] !== undefined && refused.length === filters.length) throw refused[0];
  for (const error of refused) notify({ type: 'refused', error });
  return shared;
}

/**
 * Brokers do not send what they keep to those who share. So a client that begins a session asks for it once by itself,
 * with QoS 0: that is not limited by the length of its queue.
 */
async function readRetained(session: ReceiverSession, filters: readonly string[]): Promise<void> {
  await session.subscribe(filters.map((topic) => ({ topic, qos: 0 })));
  await session.drained();
  await session.unsubscribe(filters);
}

/** MQTT 5 §4.8.2. */
export function shareOf(group: string, filter: string): string {
  return `$share/${group}/${filter}`;
}
