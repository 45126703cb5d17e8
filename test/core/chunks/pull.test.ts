import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  answerAttributes,
  answerPullRequest,
  parsePullRequest,
} from '../../../tools/core/chunks/pull.ts';
import { createPullClient } from '../../../tools/core/chunks/pull-client.ts';

const facts = {
  product: 'p',
  hardware: 'esp32',
  version: '1.1.0',
  artifact: 'app',
  filename: 'app.bin',
  sizeBytes: 1000,
  sha256: 'ab'.repeat(32),
};

describe('a chunk request', () => {
  it.each([
    ['0', '16384', { index: 0, chunkBytes: 16384 }],
    ['7', '', { index: 7 }],
    ['x', '1', 'asks for chunk "x"'],
    ['-1', '1', 'asks for chunk "-1"'],
    ['99999999999', '1', 'asks for chunk "99999999999"'],
    ['0', '0', 'asks for a chunk size that is no number'],
    ['0', '-5', 'asks for a chunk size that is no number'],
    ['0', '1e3', 'asks for a chunk size that is no number'],
    ['0', '1'.repeat(11), 'asks for a chunk size that is no number'],
  ])('chunk %s of size "%s"', (n, payload, expected) => {
    expect(parsePullRequest(n, Buffer.from(payload))).toEqual(expected);
  });

  it.each([
    [
      { index: 0, chunkBytes: 400 },
      { offset: 0, length: 400 },
    ],
    [
      { index: 2, chunkBytes: 400 },
      { offset: 800, length: 200 },
    ],
    [
      { index: 3, chunkBytes: 400 },
      { offset: 1000, length: 0 },
    ],
    [
      { index: 1, chunkBytes: 500 },
      { offset: 500, length: 500 },
    ],
    [
      { index: 2, chunkBytes: 500 },
      { offset: 1000, length: 0 },
    ],
    [
      { index: 9_999_999_999, chunkBytes: 9_999_999_999 },
      { offset: 1000, length: 0 },
    ],
    [{ index: 0 }, { offset: 0, length: 1000 }],
    [{ index: 1 }, { offset: 1000, length: 0 }],
  ])('%j is answered with %j of 1000 bytes', (request, answer) => {
    expect(answerPullRequest(request, 1000, 2000)).toEqual(answer);
  });

  it('for more than a message may hold gets nothing, the whole file included', () => {
    for (const request of [{ index: 0 }, { index: 0, chunkBytes: 900 }]) {
      expect(answerPullRequest(request, 1000, 512)).toMatchObject({ length: 0 });
      expect(answerPullRequest(request, 1000, 512).refused).toMatch(/one message holds 512$/);
    }
    expect(answerPullRequest({ index: 1, chunkBytes: 600 }, 1000, 512).length).toBe(400);
  });
});

describe('the attributes of a firmware', () => {
  it('are those that were asked for', () => {
    const ask = Buffer.from('{"sharedKeys":"fw_version,fw_size,other"}');
    expect(answerAttributes(ask, facts)).toBe('{"shared":{"fw_version":"1.1.0","fw_size":1000}}');
  });

  it.each(['', '{', 'null', '{"sharedKeys":1}'])('are all of them for %j', (text) => {
    const { shared } = JSON.parse(answerAttributes(Buffer.from(text), facts));
    expect(shared).toEqual({
      fw_title: 'app',
      fw_version: '1.1.0',
      fw_checksum: facts.sha256,
      fw_checksum_algorithm: 'SHA256',
      fw_size: 1000,
    });
  });
});

describe('the signature of a signed release', () => {
  it('is an attribute of our own, for who asks for it', () => {
    const signed = { ...facts, signature: 'c2lnbmF0dXJl' };
    const ask = Buffer.from('{"sharedKeys":"fw_size,fw_signature"}');
    const shared = { fw_size: 1000, fw_signature: 'c2lnbmF0dXJl' };
    expect(JSON.parse(answerAttributes(ask, signed))).toEqual({ shared });
    expect(JSON.parse(answerAttributes(ask, facts))).toEqual({ shared: { fw_size: 1000 } });
  });
});

describe('a device that pulls chunks', () => {
  it('has the firmware in the end, whatever is duplicated, late or cut', () => {
    const lossy = fc.constantFrom('ok', 'twice', 'cut', 'late' as const);
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 64 }),
        fc.infiniteStream(lossy),
        (firmware, chunkBytes, fates) => {
          const pieces: Uint8Array[] = [];
          const client = createPullClient(firmware.length, chunkBytes, (b) => pieces.push(b));
          for (let index = client.wanted(), turn = 0; index !== undefined; turn += 1) {
            const { offset, length } = answerPullRequest(
              { index, chunkBytes },
              firmware.length,
              64,
            );
            const payload = firmware.subarray(offset, offset + length);
            const fate = turn < 1000 ? fates.next().value : 'ok';
            if (fate === 'cut') expect(client.receive(index, payload.subarray(1))).toBe('broken');
            else if (fate === 'late') expect(client.receive(index - 1, payload)).toBe('ignored');
            else expect(client.receive(index, payload)).toBe('stored');
            if (fate === 'twice') expect(client.receive(index, payload)).toBe('ignored');
            index = client.wanted();
          }
          expect(Buffer.concat(pieces)).toEqual(Buffer.from(firmware));
          expect(client.receivedBytes).toBe(firmware.length);
        },
      ),
    );
  });
});
