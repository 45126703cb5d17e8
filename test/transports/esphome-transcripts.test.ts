import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startEsphomeDevice } from '../../tools/simulator/esphome-device.ts';
import { noisePrologue } from '../../tools/transports/esphome/encrypt.ts';
import { createNoiseHandshake } from '../../tools/transports/esphome/noise.ts';
import { otaType } from '../../tools/transports/esphome/protocol.ts';
import type { SessionOptions } from '../../tools/transports/esphome/session.ts';
import { push } from '../support/esphome.ts';
import { startRecordingProxy } from '../support/recording-proxy.ts';
import { bodyOf, replaySession } from '../support/replay.ts';
import {
  readTranscript,
  recordedImage,
  recordedKey,
  recordedPassword,
  type Turn,
  transcriptFolder,
} from '../support/transcripts.ts';

const lockStep = { windowBlocks: 1, random: () => Buffer.alloc(0) };

/** The random bytes of the recorded client stand in what it sent: its nonce is their hex. */
function recordedRandom(turns: readonly Turn[], hexCharacters: number) {
  const turn = turns.find(({ from, lengthBytes }) => from === 'client' && lengthBytes >= 64);
  return () => Buffer.from(turn?.head.toString('latin1', 0, hexCharacters) ?? '', 'hex');
}

function replay(turns: readonly Turn[], options: SessionOptions, load = bodyOf(recordedImage)) {
  const answers = turns.filter(({ from }) => from === 'device').map(({ head }) => head);
  return replaySession(options, load, answers);
}

function expectSame(sent: readonly Buffer[], turns: readonly Turn[]): void {
  const recorded = turns.filter(({ from }) => from === 'client');
  expect(sent.map(({ length }) => length)).toEqual(recorded.map(({ lengthBytes }) => lengthBytes));
  sent.forEach((bytes, index) => {
    const head = recorded[index]?.head ?? Buffer.alloc(0);
    expect(bytes.subarray(0, head.length).toString('hex')).toBe(head.toString('hex'));
  });
}

/** gzip as the recorded client wrote it: another time stamp and system in the header, the same deflate. */
function recordedGzip(bytes: Uint8Array): Buffer {
  const compressed = gzipSync(bytes, { level: 9 });
  compressed.set(Buffer.from('1f8b0800d46b006b02ff', 'hex'));
  return compressed;
}

describe.skipIf(transcriptFolder === undefined)('sessions recorded from real firmware', () => {
  it.each([
    ['open-v1', 0x01],
    ['open-2024', 0x01],
    ['open-extended-2026', 0x17],
    ['sha256-checksum-2026', 0x17],
  ])('%s is spoken byte for byte', (name, features) => {
    const turns = readTranscript(name);
    const { sent, summary } = replay(turns, { ...lockStep, features });
    expectSame(sent, turns);
    expect(summary).toMatchObject({ authentication: 'none', encrypted: false, sentBytes: 20_000 });
  });

  it.each([
    ['md5-auth-2024', 0x01, 'md5', 32],
    ['sha256-auth-extended-2026', 0x17, 'sha256', 64],
  ] as const)('%s answers the password challenge byte for byte', (name, features, hash, hex) => {
    const turns = readTranscript(name);
    const random = recordedRandom(turns, hex);
    const options = { ...lockStep, features, password: recordedPassword, random };
    const { sent, summary } = replay(turns, options);
    expectSame(sent, turns);
    expect(summary?.authentication).toBe(hash);
  });

  it('gzip-2024 sends the compressed image when the device asks for it', () => {
    const turns = readTranscript('gzip-2024');
    const load = bodyOf(recordedImage, recordedGzip);
    const { sent, summary } = replay(turns, { ...lockStep, features: 0x01 }, load);
    expectSame(sent, turns);
    expect(summary).toMatchObject({ gzip: true, sentBytes: 440 });
    // Of the recorded stream only the beginning is kept, but all of its MD5.
    const checksum = turns.find(({ lengthBytes }) => lengthBytes === 32)?.head.toString('latin1');
    expect(createHash('md5').update(recordedGzip(recordedImage)).digest('hex')).toBe(checksum);
  });

  it('bootloader-type-2026 says what the bytes are for', () => {
    const turns = readTranscript('bootloader-type-2026');
    const options = { ...lockStep, features: 0x17, otaType: otaType.UPDATE_BOOTLOADER };
    expectSame(replay(turns, options).sent, turns);
  });

  it.each([
    ['badpass-2024', 0x01, 32],
    ['badpass-2026', 0x17, 64],
  ])('%s ends with the verdict on the password', (name, features, hex) => {
    const turns = readTranscript(name);
    const random = recordedRandom(turns, hex);
    const { sent, failure } = replay(turns, { ...lockStep, features, password: 'x', random });
    expectSame(sent, turns);
    expect(failure).toMatchObject({ code: 'unauthorized', retryable: false });
  });

  it('noise-required-plain-2026 ends with the wish for encryption', () => {
    const turns = readTranscript('noise-required-plain-2026');
    const { sent, failure } = replay(turns, { ...lockStep, features: 0x17 });
    expectSame(sent, turns);
    expect(failure).toMatchObject({ code: 'device-encryption-required', retryable: false });
  });

  it('noise-wrong-key-2026 ends with the verdict on the key', () => {
    const turns = readTranscript('noise-wrong-key-2026');
    const random = (sizeBytes: number) => Buffer.alloc(sizeBytes, 7);
    const encryptionKey = Buffer.alloc(32, 1);
    const { sent, failure } = replay(turns, { ...lockStep, encryptionKey, random });
    expect(sent.map(({ length }) => length)).toEqual([5, 1, 52]);
    expect(failure).toMatchObject({ code: 'device-encryption-key-wrong', retryable: false });
  });

  it('the first handshake message of noise-2026 opens with the recorded key and no other', () => {
    const message = readTranscript('noise-2026')[4]?.head.subarray(4) ?? Buffer.alloc(0);
    const opens = (presharedKey: Uint8Array, prologue: Uint8Array) => () =>
      createNoiseHandshake({
        role: 'responder',
        presharedKey,
        prologue,
        ephemeralSecret: Buffer.alloc(32, 9),
      }).read(message);
    const prologue = noisePrologue(2, 0x1f, 0x04);
    expect(prologue).toHaveLength(22);
    expect(opens(recordedKey, prologue)).not.toThrow();
    expect(opens(Buffer.alloc(32, 1), prologue)).toThrow();
    expect(opens(recordedKey, noisePrologue(2, 0x17, 0x04))).toThrow();
    expect(opens(recordedKey, noisePrologue(2, 0x1f, 0x05))).toThrow();
  });

  it('noise-2026 is spoken turn by turn and frame by frame, as long as the recorded ones', async () => {
    const encryption = { key: recordedKey, required: true };
    const device = await startEsphomeDevice({
      generation: '2026.9',
      encryption,
      takesAnything: true,
    });
    onTestFinished(device.close);
    const proxy = await startRecordingProxy(device.port);
    const encryptionKey = recordedKey.toString('base64');
    // The second attempt goes in lock step, as the recorded client does.
    await push({ port: proxy.port, encryptionKey, bytes: recordedImage }, { attempt: 2 });
    await device.idle();
    const recorded = readTranscript('noise-2026').map(({ from, lengthBytes }) => ({
      from,
      bytes: lengthBytes,
    }));
    expect(proxy.turns).toEqual(recorded);
  });

  it('a window sends the same bytes as lock step', () => {
    const turns = readTranscript('open-extended-2026');
    const { sent } = replay(turns, { ...lockStep, windowBlocks: 16, features: 0x17 });
    const recorded = turns.filter(({ from }) => from === 'client');
    const total = recorded.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
    expect(Buffer.concat(sent)).toHaveLength(total);
    expect(Buffer.concat(sent).subarray(43, -1).equals(recordedImage)).toBe(true);
  });
});
