import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { CheckSubject } from '../../tools/core/image/check.ts';
import { checks } from '../../tools/core/image/checks/index.ts';
import { parseImage } from '../../tools/core/image/parse-image.ts';
import { runChecks } from '../../tools/core/image/run-checks.ts';
import { checkSubject, tableOf } from '../support/check-subject.ts';
import {
  code,
  ecKey,
  filled,
  joined,
  patched,
  sampleApp,
  sampleBareImage,
  sampleBootloader,
} from '../support/esp-images.ts';
import { esp8266Arduino, esp8266Rtos, esp8266V1, esp8266V2 } from '../support/esp8266-images.ts';
import {
  factorySlot,
  mergedFile,
  otadata,
  partitionTable,
  twoSlots,
} from '../support/flash-files.ts';
import { joinSample } from '../support/sample-build.ts';
import { signImage } from '../support/sign-image.ts';

/** The finding of one check, as one line. */
function found(check: string, changes: Partial<CheckSubject>): string | undefined {
  const result = runChecks(checkSubject(changes)).find((one) => one.check === check);
  return result !== undefined && 'finding' in result
    ? `${result.finding.found} | ${result.finding.expected}`
    : undefined;
}

function image(bytes: Uint8Array): Partial<CheckSubject> {
  return { image: parseImage(bytes) };
}

const app = sampleApp();
const flipped = patched(app, app.length - 100, [~(app.at(-100) ?? 0) & 0xff]);
const rtos = esp8266Rtos();
const arduino = esp8266Arduino();
const noise = Buffer.concat(
  Array.from({ length: 64 }, (_, index) => createHash('sha256').update(`n${index}`).digest()),
);
const signed = signImage(app, [ecKey('prime256v1')]);
const secureBuild = joinSample({ config: { SECURE_BOOT_V2_ENABLED: true } });
const release = { version: '1.0.0', sha256: ['cc'.repeat(32)] };

/** What each check refuses: the change, and the words of its finding. Every check stands here. */
const refused: readonly (readonly [string, string, Partial<CheckSubject>, string | RegExp])[] = [
  ['app-image', 'a bootloader', image(sampleBootloader()), 'a bootloader | an app image'],
  ['app-image', 'a merged image', image(mergedFile()), 'a merged image | an app image'],
  ['app-image', 'a table', image(partitionTable()), 'a partition table | an app image'],
  ['app-image', 'otadata', image(otadata([])), 'an otadata partition | an app image'],
  [
    'app-image',
    'an ELF file',
    image(Buffer.from('7f454c46010101', 'hex')),
    'an ELF file | an app image',
  ],
  [
    'app-image',
    'a patch',
    image(joined(Buffer.from('10decdfc', 'hex'), filled(80, 0))),
    'a delta patch | an app image',
  ],
  ['app-image', 'an encrypted file', image(noise), 'an encrypted file (suspected) | an app image'],
  ['app-image', 'an empty file', image(new Uint8Array()), 'an empty file | an app image'],
  ['app-image', 'a text', image(Buffer.from('hello\n')), 'an unknown file | an app image'],
  [
    'app-image',
    'an ESP8266 boot loader',
    image(esp8266V1()),
    'an ESP8266 image without code in flash (a boot loader?) | an app image',
  ],
  [
    'app-image',
    'an ESP8266 boot loader with a few bytes behind it',
    image(joined(esp8266V1(), code(4095))),
    'an ESP8266 image without code in flash (a boot loader?) | an app image',
  ],
  [
    'app-descriptor',
    'an image without one',
    image(sampleBareImage('esp32c3')),
    /^an image without descriptor .* \| an app with the descriptor that ESP-IDF writes$/,
  ],
  [
    'structure',
    'a file cut short',
    image(app.subarray(0, -1)),
    'truncated in the appended hash: 31 of 32 bytes are there | a whole image',
  ],
  ['checksum', 'a flipped bit', image(flipped), /^the stored checksum 0x.. \| 0x.., as computed/],
  [
    'checksum',
    "a flipped bit in Arduino's app",
    image(patched(arduino, 0x1080, [~(arduino[0x1080] ?? 0) & 0xff])),
    /^the stored checksum/,
  ],
  ['checksum', 'a wrong CRC', image(patched(esp8266V2(), 40, [0])), /^the stored checksum/],
  ['hash', 'a flipped bit', image(flipped), /^the appended SHA-256 \w{64} \| \w{64}, as computed/],
  [
    'hash',
    'of the RTOS SDK',
    image(patched(rtos, rtos.length - 1, [~(rtos.at(-1) ?? 0) & 0xff])),
    /./,
  ],
  ['trailing-bytes', 'garbage', image(joined(app, code(19))), '19 bytes at 0x190 | none'],
  ['chip', 'another chip', image(sampleApp({ chip: 'esp32' })), 'an image for esp32 | esp32c3'],
  [
    'chip',
    'a chip that nobody knows',
    image(patched(app, 12, [0x7f, 0x7f])),
    'an image for unknown chip 0x7f7f | esp32c3',
  ],
  ['chip', 'an ESP8266 image', image(esp8266Rtos()), 'an image for esp8266 | esp32c3'],
  [
    'chip',
    'none of a list',
    { product: { hardware: ['esp32', 'board-b', 'ESP32-S3'] } },
    'an image for esp32c3 | esp32 or esp32s3',
  ],
  [
    'hardware-name',
    'a name that is no chip',
    { product: { hardware: ['gateway\u001b'] } },
    /^"gateway\\x1b" \| a name such as esp32, /,
  ],
  ['hardware-name', 'no name', { product: { hardware: [] } }, /^no product.hardware \| /],
  [
    'project-name',
    'another project',
    image(sampleApp({ project: 'other' })),
    'the project "other" | "blinky"',
  ],
  [
    'version-match',
    'another version',
    { version: '1.2.4' },
    'the version "1.2.3" in the image | "1.2.4"',
  ],
  [
    'version-match',
    'a version made safe',
    image(sampleApp({ version: '1.2.3\u0007' })),
    'the version "1.2.3\\x07" in the image | "1.2.3"',
  ],
  [
    'version-explicit',
    "Arduino's placeholder",
    image(sampleApp({ project: 'arduino-lib-builder' })),
    "the placeholder descriptor of Arduino's core | a version given by --version",
  ],
  ['version-explicit', 'an ESP8266 image', image(esp8266Rtos()), /^an ESP8266 image, /],
  [
    'version-explicit',
    'an image without descriptor',
    image(sampleBareImage()),
    /^an image without/,
  ],
  ['version-explicit', 'an empty version', image(sampleApp({ version: '' })), /^an empty version/],
  [
    'dirty-version',
    'a dirty version',
    image(sampleApp({ version: 'v1.2.3-4-gabc-dirty' })),
    'the version "v1.2.3-4-gabc-dirty" | a build from committed sources',
  ],
  [
    'dirty-version',
    'a dirty version that was cut',
    image(sampleApp({ version: 'v6.0-dev-5018-gebc68a19107-dirty' })),
    /^the version "v6.0-dev-5018-gebc68a19107-dirt"/,
  ],
  ['dirty-version', 'a dirty release', { version: '1.2.3-dirty' }, /^the version "1.2.3-dirty"/],
  [
    'downgrade',
    'a version below the newest',
    { version: '1.2.3', releases: [release, { ...release, version: '1.10.0' }] },
    'the version "1.2.3" | one above "1.10.0"',
  ],
  [
    'same-bits',
    'the bytes of another release',
    { releases: [{ version: '1.0.0', sha256: ['bb'.repeat(32), 'aa'.repeat(32)] }] },
    'the very bytes of release "1.0.0" | bytes of their own',
  ],
  [
    'fits-slot',
    'one byte too many',
    { ...image(joined(sampleApp({ sizeBytes: 0x100000 }), filled(1, 0xff))) },
    '1048577 bytes | at most 1048576, the size of slot "ota_0"',
  ],
  [
    'fits-slot',
    'T15: a signature that does not fit any more',
    { ...image(signImage(sampleApp({ sizeBytes: 0x100000 }), [ecKey('prime256v1')])) },
    '1052672 bytes | at most 1048576, the size of slot "ota_0"',
  ],
  [
    'slot-space',
    'a slot that is nearly full',
    image(sampleApp({ sizeBytes: 0xf4000 })),
    '4.7 % free in slot "ota_0" | at least 5 %',
  ],
  [
    'ota-table',
    'one slot',
    { partitionTable: tableOf(twoSlots.slice(0, -1)) },
    '1 OTA slot and otadata | two OTA slots and otadata',
  ],
  [
    'ota-table',
    'no otadata',
    { partitionTable: tableOf(twoSlots.filter(({ label }) => label !== 'otadata')) },
    '2 OTA slots and no otadata | two OTA slots and otadata',
  ],
  [
    'table-valid',
    'overlapping slots',
    { partitionTable: tableOf([...twoSlots, { ...factorySlot, offset: 0x110000 }]) },
    'partition "factory" at 0x110000 overlaps "ota_1", which ends at 0x210000 | a table without such problems',
  ],
  [
    'table-valid',
    'several problems',
    { partitionTable: tableOf(twoSlots.map((row) => ({ ...row, label: 'x' }))) },
    /^more than one partition is called "x" \(and 3 more\)/,
  ],
  [
    'table-valid',
    'two problems',
    {
      partitionTable: tableOf(
        twoSlots.map((row) => (row.type === 0 ? { ...row, offset: row.offset + 0x1000 } : row)),
      ),
    },
    /^partition "ota_0" starts at 0x11000, .* \(and 1 more\)/,
  ],
  [
    'secure-version',
    'a secure version below a released one',
    {
      ...image(sampleApp({ secureVersion: 1 })),
      releases: [
        { ...release, secureVersion: 2 },
        { ...release, version: '1.1.0' },
      ],
    },
    'the secure version 1 | at least 2, that of release "1.0.0"',
  ],
  [
    'secure-version-range',
    'T11: more than fuses count',
    image(sampleApp({ secureVersion: 0xffffffff })),
    'the secure version 4294967295 | at most 16',
  ],
  [
    'secure-version-range',
    'more than the four of an ESP32-C2',
    image(sampleApp({ chip: 'esp32c2', secureVersion: 5 })),
    'the secure version 5 | at most 4',
  ],
  [
    'anti-rollback-slot',
    'a factory slot',
    {
      partitionTable: tableOf([...twoSlots, factorySlot]),
      build: joinSample({ config: { BOOTLOADER_APP_ANTI_ROLLBACK: true } }),
    },
    'the slot "factory" | OTA slots only',
  ],
  [
    'signature',
    'an unsigned app of a build with secure boot',
    { build: secureBuild },
    "an unsigned image | a signature: the build's configuration asks for it",
  ],
  [
    'signature',
    'an unsigned app where the product wants signatures',
    { product: { hardware: ['esp32c3'], requireSignature: true } },
    'an unsigned image | a signature: the product asks for it',
  ],
  [
    'signature',
    'an ESP8266 image where the product wants signatures',
    { ...image(esp8266Rtos()), product: { hardware: ['esp8266'], requireSignature: true } },
    'an unsigned image | a signature: the product asks for it',
  ],
  [
    'signature-valid',
    'bytes that changed after signing',
    image(patched(signed, 0x140, [~(signed[0x140] ?? 0) & 0xff])),
    'signature block 0 signs other bytes | a signature over these bytes',
  ],
  [
    'build-agrees',
    'an app from an earlier build',
    {
      build: joinSample({
        files: { 'blinky.bin': sampleApp({ version: '1.2.2', idfVersion: 'x' }) },
      }),
    },
    /^the version is "1.2.2" in the app and "1.2.3" in .* \(and 1 more\) \| files of one build$/,
  ],
];

describe('firmware as it should be', () => {
  it('passes every check', () => {
    const results = runChecks(checkSubject());
    expect(results.map(({ check }) => check)).toEqual(checks.map(({ name }) => name));
    expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
  });
});

describe('a check refuses', () => {
  it.each(refused)('%s: %s', (check, _, changes, words) => {
    expect(found(check, changes)).toEqual(
      typeof words === 'string' ? words : expect.stringMatching(words),
    );
  });

  it('something, whichever it is', () => {
    expect(new Set(refused.map(([check]) => check))).toEqual(
      new Set(checks.map(({ name }) => name)),
    );
  });
});

describe('a check is content with', () => {
  it.each<[string, string, Partial<CheckSubject>]>([
    ['app-image', 'an app of the RTOS SDK', image(rtos)],
    ['app-image', 'an Arduino build', image(arduino)],
    ['app-image', 'a NONOS app', image(esp8266V2())],
    [
      'app-image',
      'an ESP8266 image with raw code behind it',
      image(joined(esp8266V1(), code(4096))),
    ],
    [
      'structure',
      'a bootloader, which app-image refuses',
      image(sampleBootloader().subarray(0, 150)),
    ],
    ['checksum', 'an Arduino build', image(arduino)],
    ['hash', 'an image without one', image(sampleBareImage('esp32c3', false))],
    ['trailing-bytes', 'padding', image(joined(app, filled(64, 0xff)))],
    ['trailing-bytes', 'a signature', image(signed)],
    ['chip', 'one of several', { product: { hardware: ['esp32', 'ESP32-C3-MINI-1'] } }],
    ['chip', 'names that are no chips', { product: { hardware: ['gateway'] } }],
    ['hardware-name', 'one chip among boards', { product: { hardware: ['gateway', 'esp32c3'] } }],
    ['project-name', 'any project where none is set', { product: { hardware: ['esp32c3'] } }],
    [
      'project-name',
      'a name that the build cut',
      {
        ...image(sampleApp({ project: 'a-project-name-that-is-longer-than-its-field' })),
        product: { hardware: [], project: 'a-project-name-that-is-longer-than-its-field' },
      },
    ],
    ['project-name', "Arduino's placeholder", image(sampleApp({ project: 'arduino-lib-builder' }))],
    ['version-match', 'a leading v', image(sampleApp({ version: 'v1.2.3' }))],
    ['version-match', 'a leading v of the release', { version: 'v1.2.3' }],
    [
      'version-match',
      'a version that the build cut',
      {
        ...image(sampleApp({ version: 'v6.0-dev-5018-gebc68a19107-dirty' })),
        version: 'v6.0-dev-5018-gebc68a19107-dirty',
      },
    ],
    [
      'version-match',
      "Arduino's placeholder",
      image(sampleApp({ project: 'arduino-lib-builder', version: 'x' })),
    ],
    ['version-explicit', 'a given version', { ...image(esp8266Rtos()), versionGiven: true }],
    ['dirty-version', 'a word that only ends so', { version: '1.2.3-d' }],
    ['downgrade', 'the first release', { releases: [] }],
    ['downgrade', 'the same version again', { releases: [{ ...release, version: '1.2.3' }] }],
    [
      'downgrade',
      'commit hashes',
      { version: 'ce17587', releases: [{ ...release, version: '9.9.9' }] },
    ],
    ['downgrade', 'releases named by hashes', { releases: [{ ...release, version: 'ffffff' }] }],
    [
      'same-bits',
      'the same version again',
      { releases: [{ version: '1.2.3', sha256: ['aa'.repeat(32)] }] },
    ],
    ['fits-slot', 'a file that just fits', image(sampleApp({ sizeBytes: 0x100000 }))],
    ['slot-space', 'exactly 5 %', image(sampleApp({ sizeBytes: 0xf3330 }))],
    ['slot-space', 'a file that does not fit at all', image(sampleApp({ sizeBytes: 0x100001 }))],
    ['ota-table', 'no table at all', { partitionTable: undefined }],
    ['table-valid', 'no table at all', { partitionTable: undefined }],
    [
      'secure-version',
      'the one that was released',
      {
        ...image(sampleApp({ secureVersion: 2 })),
        releases: [{ ...release, secureVersion: 2 }],
      },
    ],
    [
      'secure-version',
      'a higher one under the same version, which is packaged again',
      { releases: [{ ...release, version: '1.2.3', secureVersion: 9 }] },
    ],
    [
      'secure-version-range',
      '32 on an ESP32',
      image(sampleApp({ chip: 'esp32', secureVersion: 32 })),
    ],
    [
      'anti-rollback-slot',
      'a factory slot without anti-rollback',
      { partitionTable: tableOf([...twoSlots, factorySlot]), build: joinSample() },
    ],
    ['signature', 'a signed app', { ...image(signed), build: secureBuild }],
    ['signature', 'an unsigned app of a plain build', { build: joinSample() }],
    ['signature-valid', 'a good signature', image(signed)],
    ['build-agrees', 'a build that does', { build: joinSample() }],
  ])('%s: %s', (check, _, changes) => {
    expect(found(check, changes)).toBeUndefined();
  });
});
