import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  buildPushManifest,
  decodeChunk,
  encodeChunk,
  formatPushEnd,
  type PushManifest,
  parsePushEnd,
  parsePushManifest,
  parsePushRequest,
} from '../../../tools/core/chunks/push-messages.ts';
import { createPushPublisher } from '../../../tools/core/chunks/push-publisher.ts';
import { createPushReceiver } from '../../../tools/core/chunks/push-receiver.ts';

function manifestOf(firmware: Uint8Array, chunkBytes = 256): PushManifest {
  const sha256 = createHash('sha256').update(firmware).digest('hex');
  return buildPushManifest({ version: '1.1.0', sizeBytes: firmware.length, sha256, chunkBytes });
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const id = '0011223344556677';

describe('the manifest of a chunked push', () => {
  const manifest = manifestOf(Buffer.alloc(1000));

  it('says the same to the device that reads it', () => {
    expect(parsePushManifest(json(manifest))).toEqual(manifest);
    expect(manifest).toMatchObject({ size: 1000, chunk_size: 256, chunk_count: 4 });
  });

  it('has the id of its content, so that a publisher that starts again goes on', () => {
    expect(manifestOf(Buffer.alloc(1000)).transfer_id).toBe(manifest.transfer_id);
    expect(manifestOf(Buffer.alloc(1001)).transfer_id).not.toBe(manifest.transfer_id);
    expect(manifestOf(Buffer.alloc(1000), 512).transfer_id).not.toBe(manifest.transfer_id);
  });

  it('carries the signature of a signed release, and is another transfer with it', () => {
    const { size: sizeBytes, ...rest } = manifest;
    const facts = { ...rest, sizeBytes, chunkBytes: 256 };
    const signed = buildPushManifest({ ...facts, signature: 'c2lnbmF0dXJl' });
    expect(parsePushManifest(json(signed))).toMatchObject({ signature: 'c2lnbmF0dXJl' });
    expect(signed.transfer_id).not.toBe(manifest.transfer_id);
    expect(parsePushManifest(json({ ...manifest, signature: 'no base64' }))).toMatch(/^signature:/);
  });

  it.each([
    [{ chunk_count: 5 }, 'chunk_count: must be 4 for these sizes, is 5'],
    [{ size: 0 }, 'size: must be >= 1, is 0'],
    [{ size: 2 ** 40 }, 'size: must be <= 134217728, is 1099511627776'],
    [{ chunk_size: 1 }, 'chunk_size: must be >= 256, is 1'],
    [{ protocol: 'ota-chunks/2' }, 'protocol: must be "ota-chunks/1", is "ota-chunks/2"'],
  ])('is refused with %j', (change, problem) => {
    expect(parsePushManifest(json({ ...manifest, ...change }))).toBe(problem);
  });

  it('is refused when it is no JSON', () => {
    expect(parsePushManifest(Buffer.from('{'))).toMatch(/must be object/);
  });
});

describe('a chunk', () => {
  it('has a header of 16 bytes: transfer id, index, CRC-32', () => {
    const packet = encodeChunk({ transferId: id, index: 258, data: Buffer.from('abc') });
    // CRC-32 (IEEE 802.3) of 00 11 22 33 44 55 66 77 00 00 01 02 61 62 63, from Python's zlib.
    expect(packet.toString('hex')).toBe('00112233445566770000010271b7fa9a616263');
    expect(decodeChunk(packet)).toEqual({ transferId: id, index: 258, data: Buffer.from('abc') });
  });

  it('with one flipped bit is seen to be broken', () => {
    const packet = encodeChunk({ transferId: id, index: 1, data: Buffer.from('abcd') });
    for (let bit = 0; bit < packet.length * 8; bit += 1) {
      const broken = Buffer.from(packet);
      broken[bit >> 3] = (broken[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeChunk(broken), `bit ${bit}`).toBeUndefined();
    }
    expect(decodeChunk(packet.subarray(0, 16))).toBeUndefined();
  });
});

describe('a request for chunks', () => {
  const request = { transfer_id: id, device_id: 'd1', state: 'missing' };

  it.each([
    [{ missing: [[2, 1]] }, 'missing: [2, 1] is no run of chunks'],
    [{ missing: [[0, 4]] }, 'missing: [0, 4] is no run of chunks'],
    [{ missing: [[0]] }, 'missing[0]: must NOT have fewer than 2 items, is a list'],
    [{ state: 'so-so' }, /^state: must be one of missing, complete, failed/],
  ])('is refused with %j', (change, problem) => {
    expect(parsePushRequest(json({ ...request, ...change }), 4)).toMatch(problem);
  });

  it('is understood', () => {
    const whole = { ...request, missing: [[0, 3]] };
    expect(parsePushRequest(json(whole), 4)).toEqual(whole);
  });
});

describe('the end message', () => {
  it('names the transfer and the round', () => {
    const manifest = manifestOf(Buffer.alloc(10));
    expect(parsePushEnd(Buffer.from(formatPushEnd(manifest, 2)))).toEqual({
      transferId: manifest.transfer_id,
      round: 2,
    });
    expect(parsePushEnd(Buffer.from('null'))).toBeUndefined();
    expect(parsePushEnd(Buffer.from('{'))).toBeUndefined();
  });
});

describe('a publisher', () => {
  const manifest = manifestOf(Buffer.alloc(1000));
  const drain = (publisher: ReturnType<typeof createPushPublisher>): number[] => {
    const sent: number[] = [];
    for (let n = publisher.nextChunk(); n !== undefined; n = publisher.nextChunk()) sent.push(n);
    return sent;
  };

  it('sends everything once, then only what is asked for, once for all who ask', () => {
    const publisher = createPushPublisher(manifest, []);
    expect(drain(publisher)).toEqual([0, 1, 2, 3]);
    const ask = { transfer_id: manifest.transfer_id, state: 'missing' as const };
    expect(publisher.receive({ ...ask, device_id: 'a', missing: [[1, 2]] })).toBe(true);
    expect(publisher.receive({ ...ask, device_id: 'b', missing: [[2, 3]] })).toBe(true);
    expect(drain(publisher).sort()).toEqual([1, 2, 3]);
    expect(publisher.hasWork).toBe(false);
    expect(publisher.sentChunks).toBe(7);
  });

  it('that goes on sends what is asked for, or everything when nobody asks', () => {
    const publisher = createPushPublisher(manifest, []);
    publisher.clear();
    expect(publisher.hasWork).toBe(false);
    const ask = { transfer_id: manifest.transfer_id, state: 'missing' as const };
    publisher.receive({ ...ask, device_id: 'a', missing: [[2, 2]] });
    expect(drain(publisher)).toEqual([2]);
    publisher.fill();
    expect(drain(publisher).sort()).toEqual([0, 1, 2, 3]);
  });

  it('ignores requests of another transfer', () => {
    const publisher = createPushPublisher(manifest, []);
    drain(publisher);
    const foreign = { transfer_id: id, device_id: 'a', state: 'missing' as const };
    expect(publisher.receive({ ...foreign, missing: [[0, 1]] })).toBe(false);
    expect(publisher.hasWork).toBe(false);
  });

  it('is settled when every expected device has ended, well or not', () => {
    const publisher = createPushPublisher(manifest, ['a', 'b']);
    const base = { transfer_id: manifest.transfer_id };
    publisher.receive({ ...base, device_id: 'a', state: 'complete' });
    publisher.receive({ ...base, device_id: 'x', state: 'complete' });
    expect(publisher.isSettled).toBe(false);
    publisher.receive({ ...base, device_id: 'b', state: 'failed', error: 'flash' });
    expect(publisher.isSettled).toBe(true);
    expect(publisher.devices().map(({ device, state }) => `${device} ${state}`)).toEqual([
      'a complete',
      'b failed',
      'x complete',
    ]);
    expect(createPushPublisher(manifest, []).isSettled).toBe(false);
  });
});

describe('publisher and devices together', () => {
  it('end with the right bytes everywhere, over any loss, duplication and reordering', () => {
    const fate = fc.constantFrom('ok', 'ok', 'lost', 'twice', 'late', 'broken' as const);
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 4000 }),
        fc.integer({ min: 1, max: 4 }),
        fc.infiniteStream(fate),
        (firmware, deviceCount, fates) => {
          const manifest = manifestOf(firmware);
          const names = Array.from({ length: deviceCount }, (_, index) => `d${index}`);
          const publisher = createPushPublisher(manifest, names);
          const devices = names.map((name) => ({
            name,
            receiver: createPushReceiver(manifest),
            flash: Buffer.alloc(firmware.length),
            late: [] as Buffer[],
          }));
          const deliver = (device: (typeof devices)[number], packet: Buffer) => {
            const chunk = decodeChunk(packet);
            if (chunk === undefined || !device.receiver.accept(chunk)) return;
            device.flash.set(chunk.data, chunk.index * manifest.chunk_size);
          };
          for (let round = 1; !publisher.isSettled; round += 1) {
            expect(round).toBeLessThan(500);
            for (let n = publisher.nextChunk(); n !== undefined; n = publisher.nextChunk()) {
              const data = firmware.subarray(n * 256, n * 256 + 256);
              const packet = encodeChunk({ transferId: manifest.transfer_id, index: n, data });
              for (const device of devices) {
                const what = fates.next().value;
                if (what === 'late') device.late.unshift(packet);
                if (what === 'broken') deliver(device, packet.subarray(0, -1));
                if (what === 'ok' || what === 'twice') deliver(device, packet);
                if (what === 'twice') deliver(device, packet);
              }
            }
            for (const { name, receiver, late, ...rest } of devices) {
              for (const packet of late.splice(0))
                deliver({ name, receiver, late, ...rest }, packet);
              const request = parsePushRequest(json(receiver.request(name)), manifest.chunk_count);
              if (typeof request === 'string') throw new Error(request);
              publisher.receive(request);
            }
          }
          for (const { flash, receiver } of devices) {
            expect(flash).toEqual(Buffer.from(firmware));
            expect(receiver.progressPct).toBe(100);
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});
