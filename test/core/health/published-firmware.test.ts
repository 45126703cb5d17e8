import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  checkAlias,
  checkFirmware,
  checkOffered,
} from '../../../tools/core/health/published-firmware.ts';
import { buildVersionFile } from '../../../tools/core/publishing/version-file.ts';
import { factsOf } from '../../support/deliveries.ts';
import { testImage } from '../../support/fleet.ts';

const image = testImage('1.1.0', 4096);
const file = buildVersionFile({
  version: '1.1.0',
  forceUpdate: false,
  sizeBytes: image.length,
  sha256: createHash('sha256').update(image).digest('hex'),
});

describe('the firmware beside version.json', () => {
  it('has its size, its SHA-256 and its version', () => {
    expect(checkFirmware(file, image)).toEqual({
      name: 'firmware',
      status: 'ok',
      message: '4096 bytes, SHA-256 as version.json says',
    });
  });

  it.each([
    [{ size: 5000 }, 'failed', 'has 4096 bytes, version.json says 5000'],
    [{ sha256: 'ab'.repeat(32) }, 'failed', /^has SHA-256 .*, version\.json says abab/],
    [
      { version: '1.2.0' },
      'warning',
      /^the image calls itself 1\.1\.0, version\.json says 1\.2\.0/,
    ],
  ])('does not when version.json says %j', (changes, status, message) => {
    expect(checkFirmware({ ...file, ...changes }, image)).toMatchObject({
      status,
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    });
  });

  it('cannot be checked by devices when version.json has no hash', () => {
    const { sha256: _, ...without } = file;
    expect(checkFirmware(without, image)).toMatchObject({
      status: 'warning',
      message: expect.stringContaining('says no sha256'),
    });
  });
});

describe('firmware.bin', () => {
  it('is the file that version.json names', () => {
    expect(checkAlias('firmware.bin', image, image).status).toBe('ok');
    expect(checkAlias('firmware.bin', image.subarray(1), image).status).toBe('failed');
  });
});

describe('a release', () => {
  const facts = factsOf(image, { version: '1.1.0' });

  it('is what the server offers, or is not offered', () => {
    expect(checkOffered([facts], file, image)).toMatchObject({
      status: 'ok',
      message: 'the server offers it',
    });
    expect(checkOffered([{ ...facts, version: '1.2.0' }], file, image)).toMatchObject({
      status: 'ok',
      message: '1.2.0 is not offered; the server offers 1.1.0',
    });
    expect(checkOffered([], file, image)).toBeUndefined();
  });

  it('fails when the server has other bytes under its version', () => {
    expect(checkOffered([facts], file, testImage('1.1.0', 8192))).toMatchObject({
      status: 'failed',
      message: 'the server has other bytes under 1.1.0 than the release',
    });
  });
});
