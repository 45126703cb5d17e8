import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type Generation, generations } from '../../tools/simulator/firmware.ts';
import { createEsphomeTransport } from '../../tools/transports/esphome.ts';
import { holdClosedPort } from '../support/closed-port.ts';
import { factsOf, payloadOf, sendContext } from '../support/deliveries.ts';
import { encryptionKey, image, key, push, runs, start, transport } from '../support/esphome.ts';
import { findFreePort } from '../support/peers.ts';

const generationNames = Object.keys(generations) as Generation[];
const hasNoise = (generation: Generation) => generations[generation].noise;

describe('a push', () => {
  it.each(
    generationNames.flatMap((generation) =>
      [undefined, '', 'secret', 'pässwörd'].map((password) => [generation, password] as const),
    ),
  )('reaches firmware of %s with the password %j', async (generation, password) => {
    const given = password === undefined ? {} : { password };
    const device = await start({ generation, ...given });
    const receipt = await push({ port: device.port, ...given });
    expect(receipt.sentBytes).toBe(image.length);
    expect(await runs(device)).toBe(true);
    const unused = password === '' && generation < '2025';
    expect(receipt.warnings).toEqual(
      unused ? ['a password was given, but the device asked for none'] : [],
    );
  });

  it.each(generationNames.filter(hasNoise))('is encrypted with a key (%s)', async (generation) => {
    for (const required of [true, false]) {
      const device = await start({ generation, encryption: { key, required }, password: 'unused' });
      const receipt = await push({ port: device.port, encryptionKey });
      expect(receipt.answer).toContain('encrypted');
      expect(await runs(device)).toBe(true);
    }
  });

  it.each(generationNames)('compresses for an ESP8266 (%s)', async (generation) => {
    const device = await start({ generation, esp8266: true });
    const bytes = Buffer.alloc(100_000, 'ESP8266 firmware, which repeats itself. ');
    bytes[0] = 0xe9;
    const sent = push({ port: device.port, bytes });
    const receipt = await sent;
    expect(receipt.sentBytes).toBeLessThan(2000);
    expect(receipt.answer).toContain('gzip');
    expect(sent.progress.at(-1)).toBe(bytes.length);
    await device.idle();
    expect(device.updates).toBe(1);
  });

  it('sends sizes around a block, down to one byte', async () => {
    for (const generation of ['2023', '2024.10', '2026.10'] as const) {
      const device = await start({ generation });
      for (const sizeBytes of [1, 8191, 8192, 8193, 16_384, 140_001]) {
        const bytes = Buffer.alloc(sizeBytes, 0xe9);
        for (const attempt of [1, 2]) {
          const receipt = await push({ port: device.port, bytes }, { attempt });
          expect(receipt.sentBytes).toBe(sizeBytes);
          await device.idle();
        }
      }
      expect(device.updates).toBe(12);
    }
  });

  it('tells its progress in bytes of the image, never backwards, up to all of it', async () => {
    const device = await start({});
    const sent = push({ port: device.port });
    await sent;
    const { progress } = sent;
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(image.length);
  });

  it('succeeds when the device is gone before the last word', async () => {
    const device = await start({ port: await findFreePort(), downtimeMs: 60_000 });
    await push({ port: device.port });
    expect(await runs(device)).toBe(true);
    await expect(push({ port: device.port })).rejects.toMatchObject({
      code: 'connection-refused',
      retryable: true,
    });
  });

  it('is done when the device falls back to its old image: that shows only after the boot', async () => {
    const device = await start({ faults: [{ at: 'committed', does: 'old-image' }] });
    await push({ port: device.port });
    expect(await runs(device)).toBe(false);
  });
});

describe('a password or key that does not fit', () => {
  const matching = { port: 0, password: 'right' };

  it.each(generationNames)('is told apart: wrong, missing (%s)', async (generation) => {
    const device = await start({ generation, password: matching.password });
    await expect(push({ port: device.port, password: 'wrong' })).rejects.toMatchObject({
      code: 'unauthorized',
      retryable: false,
    });
    await expect(push({ port: device.port })).rejects.toMatchObject({
      code: 'device-password-missing',
      retryable: false,
    });
    await device.idle();
    expect(device.updates).toBe(0);
  });

  it.each(generationNames)(
    'never makes a push with a key go in the clear (%s)',
    async (generation) => {
      const device = await start({ generation });
      await expect(push({ port: device.port, encryptionKey })).rejects.toMatchObject({
        code: 'device-encryption-missing',
        retryable: false,
      });
      await device.idle();
      expect(device.updates).toBe(0);
    },
  );

  it.each(generationNames.filter(hasNoise))(
    'is told apart: key wrong, key missing (%s)',
    async (generation) => {
      const device = await start({
        generation,
        encryption: { key: Buffer.alloc(32, 9), required: true },
      });
      await expect(push({ port: device.port, encryptionKey })).rejects.toMatchObject({
        code: 'device-encryption-key-wrong',
        retryable: false,
      });
      await expect(push({ port: device.port })).rejects.toMatchObject({
        code: 'device-encryption-required',
        retryable: false,
      });
      await device.idle();
      expect(device.updates).toBe(0);
    },
  );

  it('is refused before anything is sent when it is no key', () => {
    const bad = ['short', Buffer.alloc(32).toString('base64'), `${encryptionKey} `];
    for (const text of bad) {
      expect(() => push({ encryptionKey: text })).toThrow(
        expect.objectContaining({ code: 'channel-invalid' }),
      );
    }
    expect(() => push({ channel: { encryption_key: 'short' } })).toThrow(
      expect.objectContaining({ code: 'channel-invalid' }),
    );
  });
});

describe('the port', () => {
  const esp8266Image = gzipSync('only an ESP8266 takes gzip');

  it('is the usual one of the chip; when it refuses, the other is tried and said', async () => {
    const device = await start({ takesAnything: true });
    const closed = await holdClosedPort();
    const usualPorts = { esp32: closed, esp8266: device.port };
    const own = createEsphomeTransport({ resolve: async () => ['127.0.0.1'], usualPorts });
    const send = (bytes: Uint8Array, channel = {}) =>
      own
        .prepare(channel, { artifact: factsOf(bytes), devices: [{ host: 'lamp.local' }] })[0]
        ?.send(payloadOf(bytes), sendContext());
    expect(await send(image)).toMatchObject({
      warnings: [`port ${closed} refused; the device was reached on ${device.port}`],
    });
    expect(await send(esp8266Image)).toMatchObject({ warnings: [] });
    await expect(send(image, { port: closed })).rejects.toMatchObject({
      code: 'connection-refused',
    });
  });

  it('comes from the device before the channel, and is shown with the host', () => {
    const destinations = (channel: object) =>
      transport
        .prepare(channel, {
          artifact: factsOf(image),
          devices: [
            { host: '10.0.0.1', port: 1000 },
            { host: 'fd00::1', name: 'lamp' },
          ],
        })
        .map(({ destination }) => destination);
    expect(destinations({ port: 2000 })).toEqual(['10.0.0.1:1000', 'lamp ([fd00::1]:2000)']);
    expect(destinations({})).toEqual(['10.0.0.1:1000', 'lamp (fd00::1)']);
  });
});

describe('a plan', () => {
  it('shows the settings in force, and no secret', () => {
    const [delivery] = transport.prepare(
      { timeout: 5, password: 'hush-hush', encryption_key: encryptionKey },
      { artifact: factsOf(image), devices: [{ host: 'lamp.local', password: 'other-secret' }] },
    );
    expect(delivery?.settings).toEqual({
      host: 'lamp.local',
      port: 'by chip',
      timeout: 5,
      password: '***',
      encryption_key: '***',
    });
    expect(JSON.stringify(delivery)).not.toMatch(/hush|other-secret|BwcH/);
  });
});
