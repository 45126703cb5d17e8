import { describe, expect, it } from 'vitest';
import {
  buildAnnouncement,
  parseAnnouncement,
} from '../../../tools/core/fleet/commands/announcement.ts';

const facts = {
  product: 'Gateway',
  hardware: 'esp32s3',
  version: '1.1.0',
  artifact: 'Gateway',
  filename: 'Gateway-1.1.0.bin',
  sizeBytes: 1000,
  sha256: 'ab'.repeat(32),
};
const url = 'https://updates.example.com/Gateway-1.1.0.bin';
const announcement = buildAnnouncement({ ...facts, signature: 'c2lnbmF0dXJl' }, url);

describe('an announcement', () => {
  it('says where the firmware is, and all that a device checks it with', () => {
    expect(announcement).toEqual({
      version: '1.1.0',
      url,
      size: 1000,
      sha256: facts.sha256,
      signature: 'c2lnbmF0dXJl',
      product: 'Gateway',
      hardware: 'esp32s3',
      artifact: 'Gateway',
      filename: 'Gateway-1.1.0.bin',
    });
    expect(parseAnnouncement(Buffer.from(JSON.stringify(announcement)))).toEqual(announcement);
  });

  it('of an unsigned release has no signature', () => {
    expect(buildAnnouncement(facts, url)).not.toHaveProperty('signature');
  });

  it.each([
    ['', 'is not JSON'],
    ['{}', /the key "version" is missing/],
    [JSON.stringify({ ...announcement, size: 0 }), 'size: must be >= 1, is 0'],
    [JSON.stringify({ ...announcement, sha256: 'AB' }), /^sha256: /],
    [JSON.stringify({ ...announcement, signature: 'not base64!' }), /^signature: /],
    [JSON.stringify({ ...announcement, notes: 'x'.repeat(70_000) }), 'is too long'],
  ])('is refused when it is no such message (%#)', (text, problem) => {
    expect(parseAnnouncement(Buffer.from(text))).toMatch(problem);
  });
});
