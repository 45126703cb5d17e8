import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseImage } from '../../tools/core/image/parse-image.ts';
import { failedErrors, runChecks } from '../../tools/core/image/run-checks.ts';
import { checkSubject } from '../support/check-subject.ts';
import { sharedFolder, sharedImages } from '../support/shared.ts';

/** Which checks of the file itself must refuse a real file; files that are not named here are good apps. */
const refusals: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^bootloader-esp32.*idf6\.1/, ['app-image']],
  [/^(?:bootloader-esp32|app-esp32-rust|ramapp|odd-esp32s3-header|no-appdesc)/, ['app-descriptor']],
  [/^(?:bootloader-esp8266|esp8266-v1-|odd-esp8266)/, ['app-image']],
  [
    /^(?:merged|ptable|delta|zero|one-byte|segment-count|odd-.*(?:elf|delta|ota_data|encrypted))/,
    ['app-image'],
  ],
  [/^(?:trunc|hash-flag|segment-len)/, ['structure']],
  [/^flip-one/, ['checksum', 'hash']],
  [/^(?:flip-two|flash-size-patched)/, ['hash']],
  [/^esp8266-v2-bad/, ['checksum']],
  [/payload-tampered/, ['checksum', 'hash', 'signature-valid']],
  [/badsig/, ['signature-valid']],
];

const aboutTheFile = [
  'app-image',
  'app-descriptor',
  'structure',
  'checksum',
  'hash',
  'signature-valid',
];

describe.runIf(sharedFolder() !== undefined)('the checks of real files', () => {
  it.each(sharedImages())('%s', (name, path) => {
    const image = parseImage(readFileSync(path));
    const levels = { chip: 'off', 'project-name': 'off' } as const;
    const failed = failedErrors(runChecks(checkSubject({ image }), levels))
      .map(({ check }) => check)
      .filter((check) => aboutTheFile.includes(check));
    const expected = refusals.find(([pattern]) => pattern.test(basename(name)))?.[1] ?? [];
    expect(failed).toEqual(expected);
  });
});
