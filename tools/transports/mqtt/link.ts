import type { Duplex } from 'node:stream';
import type { IDisconnectPacket, Packet } from 'mqtt-packet';
import { DeliveryFailure } from '../../core/release/delivery.ts';
import type { Deadline } from '../deadline.ts';
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
  const { parser, generate } = await import('mqtt-packet');
  const { version, peer, deadline } = options;
  const stream = options.open();
  const decoder = parser({ protocolVersion: version });
  const encode = (packet: Packet) => generate(packet, { protocolVersion: version });
  const inbox: Packet[] = [];
  const state: { asked: string; failure?: Error; parting: boolean; peerGone: boolean } = {
    asked: 'the connection',
    parting: false,
    peerGone: false,
  };
  let wake = () => {};
  const change = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  const fail = (error: Error) => {
    state.failure ??= error;
    stream.destroy();
    wake();
  };
  const throwIfBroken = () => {
    if (state.failure !== undefined) throw state.failure;
  };

  const hungUp = () => {
    state.peerGone = true;
    if (!state.parting) fail(closedByPeer(peer));
    wake();
  };
  const cancel = () => fail(deadline.signal.reason as Error);
  stream.on('data', (bytes: Buffer) => {
    if (decoder.parse(bytes) > maximumAnswerBytes) fail(notMqtt(peer));
  });
  stream.on('drain', () => wake());
  stream.on('finish', () => wake());
  stream.on('error', (error) => fail(toConnectionFailure(error, peer)));
  stream.on('end', hungUp);
  stream.on('close', hungUp);
  decoder.on('packet', (packet) => {
    if (packet.cmd === 'disconnect') fail(disconnected(peer, state.asked, packet));
    else if (packet.cmd !== 'pingresp') inbox.push(packet);
    wake();
  });
  decoder.on('error', (error) => {
    const code = refusedCode(decoder, error);
    fail(code === undefined ? notMqtt(peer, error) : refusal(peer, state.asked, code));
  });
  deadline.signal.addEventListener('abort', cancel, { once: true });
  if (deadline.signal.aborted) cancel();

  return {
    version,
    ask(what) {
      state.asked = what;
    },
    send: (packet) => void stream.write(encode(packet)),
    async write(bytes) {
      throwIfBroken();
      stream.write(bytes);
      while (stream.writableNeedDrain && state.failure === undefined) await change();
      throwIfBroken();
    },
    async receive() {
      for (;;) {
        const packet = inbox.shift();
        if (packet !== undefined) return packet;
        throwIfBroken();
        await change();
      }
    },
    get failure() {
      return state.failure;
    },
    async end(packet, untilClosed) {
      throwIfBroken();
      state.parting = true;
      stream.end(encode(packet));
      const done = () => state.peerGone || (!untilClosed && stream.writableFinished);
      while (!done() && state.failure === undefined) await change();
      throwIfBroken();
    },
    close() {
      state.parting = true;
      deadline.signal.removeEventListener('abort', cancel);
      stream.destroy();
    },
  };
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
