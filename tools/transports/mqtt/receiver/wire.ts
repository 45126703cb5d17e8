import type { Duplex } from 'node:stream';
import type { IPublishPacket, Packet, Parser } from 'mqtt-packet';
import { DeliveryFailure } from '../../../core/release/delivery.ts';
import { closedByPeer, noAnswer } from '../connection/client-failure.ts';
import { loadCodec } from '../connection/codec.ts';
import { toConnectionFailure } from '../connection/connection.ts';
import { reason, refusal } from '../connection/reasons.ts';
import { type AnswerCommand, type Answers, createAnswers } from './answers.ts';
import { createOversizeFilter, type OversizePublish } from './oversize.ts';

export interface WireOptions {
  /** Opens the stream; it may still be connecting when it is returned. */
  readonly open: () => Duplex;
  readonly version: 4 | 5;
  readonly peer: string;
  /** Larger messages are not read. */
  readonly largestMessageBytes: number;
}

/** Why a connection ended. */
export interface WireEnd {
  readonly error: Error;
  /** Another client came with the same client identifier (MQTT 5 §3.1.4). */
  readonly takenOver: boolean;
}

/** A message as it came, or what is left of one that was too large. */
export type WireMessage =
  | { readonly kind: 'whole'; readonly packet: IPublishPacket }
  | { readonly kind: 'oversize'; readonly packet: OversizePublish };

/** Packets over a stream: questions and their answers, and messages in between. */
export interface Wire {
  send(packet: Packet): void;
  acknowledge(messageIds: readonly number[]): void;
  /** To be called before the question is sent. PINGRESP answers in the order of the questions. */
  answer<Command extends AnswerCommand>(
    cmd: Command,
    messageId: number,
  ): Promise<Extract<Packet, { cmd: Command }>>;
  /** Resolves when the broker has read everything that was sent before. */
  ping(): Promise<void>;
  /** Messages in their order; those that come before anybody asks, right behind CONNACK, wait. */
  onMessage(handle: (message: WireMessage) => void): void;
  /** Nothing is read while it is paused. */
  pause(paused: boolean): void;
  /** Sends the last packet after all that was written, and waits for the other side to hang up. */
  end(packet: Packet): void;
  fail(error: Error): void;
  readonly ended: Promise<WireEnd>;
  /** Asks for signs of life, and fails without (MQTT 5 §3.1.2.10); 0 switches it off. */
  keepAlive(seconds: number): void;
}

/** A broker that has been told goodbye has this long to hang up. */
const partingMs = 2000;

export async function createWire(options: WireOptions): Promise<Wire> {
  const { peer, version } = options;
  const { parser, generate } = await loadCodec();
  const stream = options.open();
  const answers = createAnswers();
  const life = createLife(stream, answers);
  const encode = (packet: Packet): Buffer => generate(packet, { protocolVersion: version });
  const write = (bytes: Buffer): void => {
    if (!life.over()) stream.write(bytes);
  };
  const early: WireMessage[] = [];
  let deliver = (message: WireMessage): void => void early.push(message);
  listen({
    stream,
    decoder: parser({ protocolVersion: version }),
    options,
    life,
    answers,
    deliver: (message) => deliver(message),
  });
  const ping = async (): Promise<void> => {
    const answered = answers.wait('pingresp', 0);
    write(encode({ cmd: 'pingreq' }));
    await answered;
  };
  return {
    ended: life.ended,
    fail: life.fail,
    send: (packet) => write(encode(packet)),
    acknowledge: (messageIds) => write(pubacks(messageIds)),
    answer: answers.wait,
    ping,
    onMessage(handle) {
      deliver = handle;
      for (const message of early.splice(0)) handle(message);
    },
    pause(paused) {
      if (paused) stream.pause();
      else stream.resume();
    },
    end(packet) {
      if (life.over()) return;
      // What still comes is not acknowledged, and comes again.
      deliver = () => undefined;
      stream.resume();
      stream.end(encode(packet));
      life.every(partingMs, () => life.fail(closedByPeer(peer)));
    },
    keepAlive(seconds) {
      if (seconds === 0) return;
      life.every(seconds * 750, () => {
        if (!life.heard() && !stream.isPaused()) life.fail(noAnswer(peer, seconds * 1500));
        else ping().catch(() => undefined);
      });
    },
  };
}

/** Whether a connection stands, and what ends it. */
interface Life {
  over(): boolean;
  fail(error: Error, takenOver?: boolean): void;
  readonly ended: Promise<WireEnd>;
  /** Something was heard. */
  touch(): void;
  /** Whether something was heard since this was asked last. */
  heard(): boolean;
  /** Until the end. */
  every(ms: number, act: () => void): void;
}

function createLife(stream: Duplex, answers: Answers): Life {
  const timers = new Set<NodeJS.Timeout>();
  let over = false;
  let touched = true;
  let tell = (_end: WireEnd): void => undefined;
  const ended = new Promise<WireEnd>((resolve) => {
    tell = resolve;
  });
  return {
    over: () => over,
    fail(error, takenOver = false) {
      if (over) return;
      over = true;
      for (const timer of timers) clearInterval(timer);
      stream.destroy();
      answers.reject(error);
      tell({ error, takenOver });
    },
    ended,
    touch() {
      touched = true;
    },
    heard() {
      const before = touched;
      touched = false;
      return before;
    },
    every(ms, act) {
      if (!over) timers.add(setInterval(act, ms));
    },
  };
}

interface Listening {
  readonly stream: Duplex;
  readonly decoder: Parser;
  readonly options: WireOptions;
  readonly life: Life;
  readonly answers: Answers;
  deliver(message: WireMessage): void;
}

function listen({ stream, decoder, options, life, answers, deliver }: Listening): void {
  const { peer } = options;
  const filter = createOversizeFilter(
    options.largestMessageBytes,
    (bytes) => void decoder.parse(bytes),
    (packet) => deliver({ kind: 'oversize', packet }),
  );
  stream.on('data', (bytes: Buffer) => {
    life.touch();
    if (!life.over()) filter(bytes);
  });
  stream.on('error', (error) => life.fail(toConnectionFailure(error, peer)));
  stream.on('end', () => life.fail(closedByPeer(peer)));
  stream.on('close', () => life.fail(closedByPeer(peer)));
  decoder.on('error', (error) => life.fail(notMqtt(peer, error)));
  decoder.on('packet', (packet) => {
    if (life.over()) return;
    if (packet.cmd === 'publish') deliver({ kind: 'whole', packet });
    else if (packet.cmd === 'disconnect') {
      const code = packet.reasonCode ?? 0;
      const words = packet.properties?.reasonString;
      const failure = refusal(peer, 'the connection', code, words);
      life.fail(failure, code === reason.sessionTakenOver);
    } else answers.take(packet);
  });
}

/** MQTT 5 §3.4.2.1: a PUBACK of two bytes means success. */
function pubacks(messageIds: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * messageIds.length);
  for (const [index, id] of messageIds.entries()) {
    bytes.writeUInt32BE(0x4002_0000 + id, 4 * index);
  }
  return bytes;
}

function notMqtt(peer: string, cause: Error): DeliveryFailure {
  return new DeliveryFailure('connection-failed', `${peer} does not answer in MQTT`, {
    hint: 'Check scheme and port of the broker.',
    retryable: true,
    cause,
  });
}
