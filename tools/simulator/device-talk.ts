import { createInbox } from '../transports/esphome/inbox.ts';
import {
  createNoiseLink,
  frameOf,
  type Link,
  plainLink,
  takeFrame,
} from '../transports/esphome/link.ts';
import { createNoiseHandshake, type NoiseCipher } from '../transports/esphome/noise.ts';
import { noiseKeyBytes } from '../transports/esphome/noise-primitives.ts';
import { type Connection, SessionStop } from './connection.ts';
import type { EsphomeFault, EsphomeStep } from './faults.ts';

/** The device's side of a session: fields in, answers out, in the clear or encrypted, with its faults. */
export interface DeviceTalk {
  readonly connection: Connection;
  /** One field of the protocol. In an encrypted session it must be one frame. */
  readField(sizeBytes: number): Promise<Uint8Array>;
  /** Image bytes, at least one and at most so many. */
  readData(mostBytes: number): Promise<Uint8Array>;
  /** Gives an answer, unless a fault stands in its place. */
  answer(step: EsphomeStep, ...bytes: readonly number[]): Promise<void>;
  /** Whether a fault puts an error in place of this answer. */
  refuses(step: EsphomeStep): boolean;
  /** Answers with an error and ends the session. */
  fail(answer: number): never;
  /** Acts on faults that wait for so many image bytes. */
  atByte(receivedBytes: number): Promise<void>;
  shakeHands(
    key: Uint8Array,
    prologue: Uint8Array,
    random: (size: number) => Uint8Array,
  ): Promise<void>;
  /** Silence allowed from now on. */
  limit: { ms: number | undefined; per: 'message' | 'session' };
}

const handshakeRejected = 'Handshake MAC failure';
/** Sent when a field is not the one frame that it must be. */
const unknownError = 0xff;

export interface DeviceTalkOptions {
  readonly faults: readonly EsphomeFault[];
  /** Monotonic milliseconds, for limits on a whole handshake. */
  now(): number;
  /** Called when a fault makes the device fall silent. */
  onStall?(): void;
}

export function createDeviceTalk(connection: Connection, options: DeviceTalkOptions): DeviceTalk {
  const { faults, now } = options;
  const startedAt = now();
  const acted = new Set<EsphomeFault>();
  const { inbox } = connection;
  let link: Link = plainLink;
  let ciphers: { readonly send: NoiseCipher; readonly receive: NoiseCipher } | undefined;
  const left = (): number | undefined => {
    const { ms, per } = talk.limit;
    return ms === undefined || per === 'message' ? ms : Math.max(1, ms - (now() - startedAt));
  };
  const until = async <Value>(take: () => Value | undefined): Promise<Value> => {
    for (;;) {
      const value = take();
      if (value !== undefined) return value;
      await connection.more(left());
    }
  };
  const readFrame = async (cipher: NoiseCipher): Promise<Uint8Array> => {
    try {
      return cipher.decrypt(await until(() => takeFrame(inbox)));
    } catch (error) {
      throw error instanceof SessionStop ? error : stopped('frame not valid');
    }
  };
  const act = async (fault: EsphomeFault): Promise<void> => {
    if (fault.does === 'error') talk.fail(fault.answer ?? unknownError);
    if (fault.does === 'garbage') connection.send(fault.bytes ?? Buffer.from('?'));
    if (fault.does === 'close') throw stopped('hangs up');
    if (fault.does === 'reset') {
      connection.reset();
      throw stopped('resets');
    }
    if (fault.does === 'stall') {
      options.onStall?.();
      await connection.ended;
      throw stopped('stalled');
    }
  };
  const talk: DeviceTalk = {
    connection,
    limit: { ms: undefined, per: 'message' },
    async readField(sizeBytes) {
      if (ciphers === undefined) return until(() => inbox.take(sizeBytes));
      const field = await readFrame(ciphers.receive);
      return field.length === sizeBytes ? field : talk.fail(unknownError);
    },
    async readData(mostBytes) {
      if (ciphers === undefined) {
        return until(() =>
          inbox.size === 0 ? undefined : inbox.take(Math.min(inbox.size, mostBytes)),
        );
      }
      const data = await readFrame(ciphers.receive);
      return data.length > 0 && data.length <= mostBytes ? data : talk.fail(unknownError);
    },
    async answer(step, ...bytes) {
      const fault = faults.find(({ at }) => at === step);
      if (fault !== undefined) await act(fault);
      if (fault?.does === 'garbage' || fault?.does === 'mute') return;
      const times = fault?.does === 'extra' ? 2 : 1;
      for (let count = 0; count < times; count += 1)
        connection.send(link.wrap(Uint8Array.from(bytes)));
    },
    refuses: (step) => faults.some(({ at, does }) => at === step && does === 'error'),
    fail(answer) {
      connection.send(link.wrap(Uint8Array.of(answer)));
      throw stopped(`answers 0x${answer.toString(16)}`);
    },
    async atByte(receivedBytes) {
      const fault = faults.find(({ at }) => typeof at === 'number' && receivedBytes >= at);
      if (fault === undefined || acted.has(fault)) return;
      acted.add(fault);
      await act(fault);
    },
    async shakeHands(presharedKey, prologue, random) {
      const ephemeralSecret = random(noiseKeyBytes);
      const handshake = createNoiseHandshake({
        role: 'responder',
        presharedKey,
        prologue,
        ephemeralSecret,
      });
      const payload = await until(() => takeFrame(inbox));
      try {
        handshake.read(payload.subarray(1));
      } catch {
        connection.send(frameOf(Buffer.concat([Uint8Array.of(1), Buffer.from(handshakeRejected)])));
        throw stopped('wrong key');
      }
      await talk.answer(
        'handshake',
        ...frameOf(Buffer.concat([Uint8Array.of(0), handshake.write()])),
      );
      ciphers = handshake.split();
      link = createNoiseLink(ciphers, createInbox());
    },
  };
  return talk;
}

function stopped(why: string): SessionStop {
  return new SessionStop({ kind: 'stopped', why });
}
