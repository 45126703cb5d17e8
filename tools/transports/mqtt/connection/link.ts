import type { Duplex } from 'node:stream';
import type { IDisconnectPacket, Packet, Parser } from 'mqtt-packet';
import { DeliveryFailure } from '../../../core/release/delivery.ts';
import { createChange } from '../../change.ts';
import type { Deadline } from '../../deadline.ts';
import { loadCodec } from './codec.ts';
import { maximumAnswerBytes, toConnectionFailure } from './connection.ts';
import { reason, refusal } from './reasons.ts';

export type ProtocolVersion = 4 | 5;

/** MQTT packets over a stream, for one that waits for each answer. */
export interface Link {
  readonly version: ProtocolVersion;
  /** Names what is asked of the broker, to be read after "refused": `the connection`. */
  ask(what: string): void;
  send(packet: Packet): void;
  /** Resolves when the stream takes more. */
  write(bytes: Uint8Array): Promise<void>;
  /** The next packet that is an answer; PINGRESP is passed over. */
  receive(): Promise<Packet>;
  /** Why the link broke, if it did. The calls above throw it. */
  readonly failure: Error | undefined;
  /** Sends the last packet after all that was written; `untilClosed` waits for the other side to hang up. */
  end(packet: Packet, untilClosed: boolean): Promise<void>;
  /** Drops the connection. */
  close(): void;
}

export interface LinkOptions {
  /** Opens the stream; it may still be connecting when it is returned. */
  readonly open: () => Duplex;
  readonly version: ProtocolVersion;
  readonly peer: string;
  readonly deadline: Deadline;
}

/** Opens a stream and speaks MQTT over it. */
export async function createLink(options: LinkOptions): Promise<Link> {
  const { parser, generate } = await loadCodec();
  const { version } = options;
  const stream = options.open();
  const state = createState(stream);
  const unlisten = listen(state, stream, parser({ protocolVersion: version }), options);
  const encode = (packet: Packet) => generate(packet, { protocolVersion: version });
  return {
    version,
    ask(what) {
      state.asked = what;
    },
    send: (packet) => void stream.write(encode(packet)),
    async write(bytes) {
      state.throwIfBroken();
      stream.write(bytes);
      while (stream.writableNeedDrain && state.failure === undefined) await state.change();
      state.throwIfBroken();
    },
    async receive() {
      for (;;) {
        const packet = state.inbox.shift();
        if (packet !== undefined) return packet;
        state.throwIfBroken();
        await state.change();
      }
    },
    get failure() {
      return state.failure;
    },
    async end(packet, untilClosed) {
      state.throwIfBroken();
      state.parting = true;
      stream.end(encode(packet));
      const done = () => state.peerGone || (!untilClosed && stream.writableFinished);
      while (!done() && state.failure === undefined) await state.change();
      state.throwIfBroken();
    },
    close() {
      state.parting = true;
      unlisten();
      stream.destroy();
    },
  };
}

/** Where a link stands. Whoever waits looks at it again after each change. */
interface LinkState {
  /** What the broker is being asked for. */
  asked: string;
  readonly inbox: Packet[];
  failure: Error | undefined;
  /** We have taken leave, so the other side may close. */
  parting: boolean;
  peerGone: boolean;
  fail(error: Error): void;
  throwIfBroken(): void;
  change(): Promise<void>;
  changed(): void;
}

function createState(stream: Duplex): LinkState {
  const change = createChange();
  const state: LinkState = {
    asked: 'the connection',
    inbox: [],
    failure: undefined,
    parting: false,
    peerGone: false,
    fail(error) {
      state.failure ??= error;
      stream.destroy();
      change.notify();
    },
    throwIfBroken() {
      if (state.failure !== undefined) throw state.failure;
    },
    change: change.wait,
    changed: change.notify,
  };
  return state;
}

/** Turns everything that may happen into changes of the state; returns what forgets the deadline. */
function listen(
  state: LinkState,
  stream: Duplex,
  decoder: Parser,
  { peer, deadline }: LinkOptions,
): () => void {
  const hungUp = () => {
    state.peerGone = true;
    if (state.parting) state.changed();
    else state.fail(closedByPeer(peer));
  };
  stream.on('data', (bytes: Buffer) => {
    if (decoder.parse(bytes) > maximumAnswerBytes) state.fail(notMqtt(peer));
  });
  stream.on('drain', state.changed);
  stream.on('finish', state.changed);
  stream.on('error', (error) => state.fail(toConnectionFailure(error, peer)));
  stream.on('end', hungUp);
  stream.on('close', hungUp);
  decoder.on('packet', (packet) => {
    if (packet.cmd === 'disconnect') state.fail(disconnected(peer, state.asked, packet));
    else if (packet.cmd !== 'pingresp') state.inbox.push(packet);
    state.changed();
  });
  decoder.on('error', (error) => {
    const code = refusedCode(decoder, error);
    state.fail(code === undefined ? notMqtt(peer, error) : refusal(peer, state.asked, code));
  });
  const cancel = () => state.fail(deadline.signal.reason as Error);
  deadline.signal.addEventListener('abort', cancel, { once: true });
  if (deadline.signal.aborted) cancel();
  return () => deadline.signal.removeEventListener('abort', cancel);
}

function closedByPeer(peer: string): DeliveryFailure {
  return new DeliveryFailure('connection-failed', `${peer} closed the connection`, {
    hint: 'The log of the broker tells why; it may want other credentials, or another client certificate (`cert`, `key`).',
    retryable: true,
  });
}

/** MQTT 5 §3.14.2.1: a server says why before it closes. */
function disconnected(peer: string, asked: string, packet: IDisconnectPacket): DeliveryFailure {
  const code = packet.reasonCode ?? 0;
  if (code < reason.firstFailure) return closedByPeer(peer);
  return refusal(peer, asked, code, packet.properties?.reasonString);
}

/** An answer that does not belong to the question. */
export function unexpectedPacket(peer: string, packet: Packet): DeliveryFailure {
  return notMqtt(peer, new Error(`unexpected ${packet.cmd}`));
}

function notMqtt(peer: string, cause?: Error): DeliveryFailure {
  return new DeliveryFailure('connection-failed', `${peer} does not answer in MQTT`, {
    hint: 'Check scheme and port of `broker`.',
    retryable: false,
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * The decoder refuses reason codes that MQTT 5 §3.4.2.1 does not list for an acknowledgement. Mosquitto
 * sends 0x95 (Packet too large) all the same, and it is the very thing to tell.
 */
function refusedCode(decoder: object, error: Error): number | undefined {
  if (!/^Invalid pub\w+ reason code$/.test(error.message)) return undefined;
  const packet = Reflect.get(decoder, 'packet') as { reasonCode?: number } | undefined;
  return packet?.reasonCode;
}
