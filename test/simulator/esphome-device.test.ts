import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type EsphomeDevice,
  type EsphomeDeviceOptions,
  startEsphomeDevice,
} from '../../tools/simulator/esphome-device.ts';
import { generations } from '../../tools/simulator/firmware.ts';
import { connectRaw } from '../support/raw-client.ts';
import { passTime, stopTime } from '../support/time.ts';
import {
  readTranscript,
  recordedImage,
  recordedKey,
  recordedPassword,
  type Turn,
  transcriptFolder,
} from '../support/transcripts.ts';

const open: EsphomeDevice[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((device) => device.close()));
});

async function start(options: EsphomeDeviceOptions): Promise<EsphomeDevice> {
  const device = await startEsphomeDevice({ takesAnything: true, ...options });
  open.push(device);
  return device;
}

/** The bytes of a client's turn: of long ones the transcript keeps the beginning, the rest is the image. */
function* clientTurns(turns: readonly Turn[]) {
  let offset = 0;
  for (const turn of turns) {
    if (turn.from === 'client' && turn.head.length < turn.lengthBytes) {
      yield { ...turn, bytes: recordedImage.subarray(offset, offset + turn.lengthBytes) };
      offset += turn.lengthBytes;
    } else yield { ...turn, bytes: turn.head };
  }
}

async function playAgainst(device: EsphomeDevice, name: string): Promise<void> {
  const client = await connectRaw(device.port);
  for (const { from, bytes } of clientTurns(readTranscript(name))) {
    if (from === 'client') client.send(bytes);
    else expect((await client.read(bytes.length)).toString('hex')).toBe(bytes.toString('hex'));
  }
  await client.rest();
}

/** The challenge that stands in a transcript. */
function recordedNonce(name: string, length: number): string {
  const turn = readTranscript(name).find((one) => one.from === 'device' && one.lengthBytes > 30);
  return turn?.head.subarray(-length).toString('latin1') ?? '';
}

describe.skipIf(transcriptFolder === undefined)('a virtual device', () => {
  it.each([
    ['open-v1', { generation: '2023' }],
    ['open-2024', { generation: '2024.10' }],
    ['open-extended-2026', { generation: '2026.5' }],
    ['sha256-checksum-2026', { generation: '2026.10' }],
    ['bootloader-type-2026', { generation: '2026.9', partitionAccess: true }],
  ] as const)('answers %s as the recorded device did, byte for byte', async (name, options) => {
    const device = await start(options);
    await playAgainst(device, name);
    expect(device.updates).toBe(1);
    expect(device.flash.running?.sha256).toBe(
      createHash('sha256').update(recordedImage).digest('hex'),
    );
  });

  it.each([
    ['md5-auth-2024', '2024.10', 32, 1],
    ['sha256-auth-extended-2026', '2026.5', 64, 1],
    ['badpass-2024', '2024.10', 32, 0],
    ['badpass-2026', '2026.5', 64, 0],
  ] as const)('checks the password of %s', async (name, generation, length, updates) => {
    const nonce = recordedNonce(name, length);
    const device = await start({ generation, nonce, password: recordedPassword });
    await playAgainst(device, name);
    expect(device.updates).toBe(updates);
  });

  it('refuses plaintext where encryption is required, and another key, as recorded', async () => {
    const encryption = { key: recordedKey, required: true };
    const strict = await start({ generation: '2026.9', encryption });
    await playAgainst(strict, 'noise-required-plain-2026');
    const offering = await start({
      generation: '2026.9',
      encryption: { ...encryption, required: false },
    });
    await playAgainst(offering, 'noise-wrong-key-2026');
  });
});

describe('a virtual device', () => {
  const hello = Buffer.from('6c26f75c45', 'hex');

  it('refuses another greeting and hangs up', async () => {
    const device = await start({});
    const client = await connectRaw(device.port);
    client.send(Buffer.from('GET /'));
    expect(await client.rest()).toEqual(Buffer.of(0x80));
  });

  it('lets a second client wait, connected and unheard', async () => {
    const device = await start({});
    const first = await connectRaw(device.port);
    first.send(hello);
    await first.read(2);
    const second = await connectRaw(device.port);
    second.send(hello);
    first.send(Buffer.of(0x17));
    await first.read(3);
    expect(device.sessions).toBe(1);
    first.close();
    expect(await second.read(2)).toEqual(Buffer.of(0, 2));
    expect(device.sessions).toBe(2);
    second.close();
  });

  it.each([
    ['2024.10', 'ff'],
    ['2026.9', ''],
  ] as const)('gives up on a silent client (%s)', async (generation, farewell) => {
    stopTime();
    const device = await start({ generation });
    const client = await connectRaw(device.port);
    client.send(hello);
    await client.read(2);
    await passTime(generations[generation].handshakeLimit.ms ?? 0);
    expect((await client.rest()).toString('hex')).toBe(farewell);
  });

  it('refuses an image that its slot cannot hold', async () => {
    const device = await start({ generation: '2026.5' });
    const client = await connectRaw(device.port);
    client.send(Buffer.concat([hello, Buffer.of(0x17)]));
    await client.read(5);
    client.send(Buffer.from('007fffffff', 'hex'));
    expect(await client.rest()).toEqual(Buffer.of(0x89));
  });
});
