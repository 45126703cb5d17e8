import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import schema from '../../schemas/inspect.schema.json' with { type: 'json' };
import { defineSchema } from '../../tools/core/schema.ts';
import {
  ecKey,
  filled,
  joined,
  patched,
  sampleApp,
  sampleBareImage,
  sampleBootloader,
} from '../support/esp-images.ts';
import { esp8266Arduino, esp8266Rtos, esp8266V1, esp8266V2 } from '../support/esp8266-images.ts';
import { mergedFile, otadata, partitionTable } from '../support/flash-files.ts';
import { runOta } from '../support/io.ts';
import { changeBuild, sampleBuild } from '../support/sample-build.ts';
import { sharedFolder, sharedImages } from '../support/shared.ts';
import { signImage } from '../support/sign-image.ts';
import { writeBuild } from '../support/write-build.ts';

const problemsOfSchema = defineSchema(schema);

let cwd = '';
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ota-inspect-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true, force: true });
});

async function inspect(bytes: Uint8Array, ...flags: string[]) {
  await writeFile(join(cwd, 'firmware.bin'), bytes);
  return runOta(['inspect', 'firmware.bin', ...flags], { cwd });
}

describe('ota inspect FILE', () => {
  it('says all that an app tells of itself', async () => {
    const app = sampleApp({ elfSha256: filled(32, 0xab) });
    const { exitCode, stdout, stderr } = await inspect(app);
    expect(stdout).toBe(`firmware.bin: an app image
  chip            ESP32-C3 (id 0x5), revision v0.0 or newer
  project         blinky
  version         1.2.3
  ESP-IDF         v5.4
  built           2026-01-01T12:00:00
  secure version  0
  ELF SHA-256     abababababababababababababababababababababababababababababababab
  flash           4.0 MB, DIO, 80 MHz
  checksum        valid
  hash            valid (${Buffer.from(app.subarray(-32)).toString('hex')})
  signature       none
  size            400 bytes (400 B)
  SHA-256         ${createHash('sha256').update(app).digest('hex')}
  segments
    #  address     bytes  in file
    0  0x3c000020  256    0x20
    1  0x42010020  64     0x128
`);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });

  it('says what is wrong, and ends with 1', async () => {
    const app = sampleApp();
    const { exitCode, stdout } = await inspect(patched(app, 0x130, [~(app[0x130] ?? 0) & 0xff]));
    expect(stdout).toContain('\nproblem: the checksum is 0x');
    expect(stdout).toContain('\nproblem: the appended SHA-256 is not that of the image\n');
    expect(exitCode).toBe(1);
  });

  it('shows signatures with the digests of their keys', async () => {
    const { stdout, exitCode } = await inspect(signImage(sampleApp(), [ecKey('prime256v1')]));
    expect(stdout).toMatch(
      / {2}signature 0 +ecdsa-p256: digest valid, CRC valid, signature valid; key [0-9a-f]{64}\n/,
    );
    expect(exitCode).toBe(0);
  });

  it('shows the slots of a partition table', async () => {
    const { stdout } = await inspect(partitionTable());
    expect(stdout).toContain(`  partitions (MD5 valid)
    label     type  subtype  offset    bytes    flags
    nvs       data  nvs      0x9000    16384
    otadata   data  ota      0xd000    8192
    phy_init  data  phy      0xf000    4096
    ota_0     app   ota_0    0x10000   1048576
    ota_1     app   ota_1    0x110000  1048576
  2 OTA slots, the smallest has 1048576 bytes (1.0 MB)
`);
  });

  it('shows the parts of a merged image', async () => {
    const { stdout } = await inspect(mergedFile());
    expect(stdout).toContain(`firmware.bin: a merged image
  size     65936 bytes (64.4 KB)
`);
    expect(stdout).toContain(`  parts
    part             flash    is            holds
    bootloader       0x0      a bootloader
    partition table  0x8000
    ota_0            0x10000  an app image  blinky 1.2.3
`);
  });

  it.each<[string, Uint8Array, string]>([
    ['a bootloader', sampleBootloader(), '  ESP-IDF         v5.4\n'],
    ['an image', sampleBareImage(), '  chip       ESP32 (id 0x0), revision v0.0 or newer\n'],
    ['an ESP8266 image', esp8266Arduino(), "  app's CRC       valid\n"],
    ['an ESP8266 app', esp8266V2(), '  CRC       valid\n'],
    ['otadata', otadata([7]), '  sector 0  sequence 7, valid, CRC valid\n'],
    ['blank otadata', otadata([]), '  records  none: blank\n'],
    [
      'an ELF file',
      joined(Buffer.from('7f454c46010101', 'hex'), filled(64, 0)),
      '  machine  other\n',
    ],
    ['text', Buffer.from('hello\n'), '  resembles    text\n'],
    [
      'trailing bytes',
      joined(sampleApp(), filled(64, 0xff)),
      '  trailing        64 bytes of ff at 0x190\n',
    ],
    ["Arduino's descriptor", sampleApp({ project: 'arduino-lib-builder' }), 'of the Arduino core'],
  ])('knows %s', async (_, bytes, words) => {
    const { stdout, exitCode } = await inspect(bytes);
    expect(stdout).toContain(words);
    expect(exitCode).toBe(0);
  });

  it('lets no text from the file reach the terminal as it is', async () => {
    const version = '\u001b[31m\u0007\u202e<b>';
    const { stdout } = await inspect(sampleApp({ version, project: '\u009b2J\r\nok' }));
    expect(stdout).toContain('  version         \\x1b[31m\\x07\\u{202e}<b>\n');
    expect(stdout).toContain('  project         \\x9b2J\\x0d\\x0aok\n');
  });

  it('lets none reach it as JSON either, and keeps it', async () => {
    const version = '\u001b[31m\u009b\u202e<b>';
    const { stdout } = await inspect(sampleApp({ version }), '--json');
    expect(stdout).not.toMatch(/[^\n\x20-\x7e]/);
    expect(JSON.parse(stdout).file.descriptor.version).toBe(version);
  });

  it('refuses a file that no flash can hold, before reading it', async () => {
    const path = join(cwd, 'disk.img');
    await writeFile(path, '');
    await truncate(path, 256 * 1024 * 1024 + 1);
    const { exitCode, stderr } = await runOta(['inspect', 'disk.img'], { cwd });
    expect(stderr).toContain('code: file-too-large');
    expect(exitCode).toBe(2);
  });

  it.each(['nowhere.bin', 'file.bin/nowhere.bin'])('says when there is no %s', async (path) => {
    await writeFile(join(cwd, 'file.bin'), 'x');
    const { exitCode, stderr } = await runOta(['inspect', path], { cwd });
    expect(stderr).toContain('code: binary-missing');
    expect(exitCode).toBe(2);
  });

  it('needs to know which file', async () => {
    const { exitCode, stderr } = await runOta(['inspect'], { cwd });
    expect(stderr).toContain('code: usage');
    expect(exitCode).toBe(2);
  });
});

describe('ota inspect BUILD_DIR', () => {
  it('shows the whole build', async () => {
    await writeBuild(join(cwd, 'build'), sampleBuild);
    const { exitCode, stdout } = await runOta(['inspect', 'build'], { cwd });
    expect(stdout).toContain(`build: an ESP-IDF build
  project   blinky
  version   1.2.3
  target    esp32c3
  ESP-IDF   v5.4
  flash     4.0 MB, DIO, 80 MHz
  security  rollback
  files
    role             flash    bytes  file                                 is
    bootloader       0x0      224    bootloader/bootloader.bin            a bootloader
    partition-table  0x8000   3072   partition_table/partition-table.bin  a partition table
    otadata          0xd000   8192   ota_data_initial.bin                 an otadata partition
    app              0x10000  400    blinky.bin                           an app image
  app
    chip            ESP32-C3 (id 0x5), revision v0.0 or newer
`);
    expect(stdout).toContain('  2 OTA slots, the smallest has 1048576 bytes (1.0 MB)\n');
    expect(exitCode).toBe(0);
  });

  it('shows every disagreement, and ends with 1 when one of them is an error', async () => {
    const files = { 'blinky.bin': sampleApp({ version: '1.2.2' }) };
    await writeBuild(join(cwd, 'build'), changeBuild({ files }));
    const stale = await runOta(['inspect', 'build'], { cwd });
    expect(stale.stdout).toContain('\nwarning: the version is "1.2.2" in the app and "1.2.3" in');
    expect(stale.exitCode).toBe(0);

    const config = { SECURE_BOOT_V2_ENABLED: true, SECURE_BOOT_BUILD_SIGNED_BINARIES: true };
    await writeBuild(join(cwd, 'build'), changeBuild({ config }));
    const unsigned = await runOta(['inspect', 'build'], { cwd });
    expect(unsigned.stdout).toContain(
      '\nproblem: the build signs its binaries, but the app is unsigned\n',
    );
    expect(unsigned.exitCode).toBe(1);
  });

  it('names the problems of its files', async () => {
    const files = { 'bootloader/bootloader.bin': patched(sampleBootloader(), 100, [0xff]) };
    await writeBuild(join(cwd, 'build'), changeBuild({ files }));
    const { exitCode, stdout } = await runOta(['inspect', 'build'], { cwd });
    expect(stdout).toContain('problem: bootloader: the appended SHA-256 is not that of the image');
    expect(exitCode).toBe(1);
  });

  it('says when a folder holds no build', async () => {
    const { exitCode, stderr } = await runOta(['inspect', '.'], { cwd });
    expect(stderr).toContain('code: build-missing');
    expect(exitCode).toBe(2);
  });
});

describe('ota inspect --json', () => {
  async function expectConforming(words: readonly string[]): Promise<unknown> {
    const { stdout } = await runOta(['inspect', ...words, '--json'], { cwd });
    const json = JSON.parse(stdout);
    expect(problemsOfSchema(json)).toEqual([]);
    return json;
  }

  it('says what the text says', async () => {
    const app = sampleApp();
    await writeFile(join(cwd, 'firmware.bin'), app.subarray(0, -1));
    expect(await expectConforming(['firmware.bin'])).toMatchObject({
      inspect_version: 1,
      ok: false,
      subject: 'file',
      path: join(cwd, 'firmware.bin'),
      problems: ['truncated in the appended hash: 31 of 32 bytes are there'],
      file: {
        kind: 'app',
        size_bytes: app.length - 1,
        chip: { id: 5, name: 'esp32c3' },
        checksum: { status: 'valid' },
        hash: { status: 'missing' },
        descriptor: { project_name: 'blinky', elf_sha256: expect.any(String) },
      },
    });
  });

  it.each(
    Object.entries({
      app: sampleApp(),
      signed: signImage(sampleApp(), [ecKey('prime256v1')]),
      bootloader: sampleBootloader(),
      image: sampleBareImage(),
      v1: esp8266V1(),
      rtos: esp8266Rtos(),
      arduino: esp8266Arduino(),
      v2: esp8266V2(),
      merged: mergedFile(),
      table: partitionTable(),
      otadata: otadata([1]),
      cut: sampleApp().subarray(0, 100),
      empty: new Uint8Array(),
      unknown: Uint8Array.of(0xe9),
    }),
  )('conforms to its schema for %s', async (_, bytes) => {
    await writeFile(join(cwd, 'firmware.bin'), bytes);
    await expectConforming(['firmware.bin']);
  });

  it('conforms to its schema for a build', async () => {
    const flasher = { www: { offset: '0x9000', file: '../www.bin', encrypted: 'false' } };
    await writeBuild(join(cwd, 'build'), changeBuild({ flasher }));
    expect(await expectConforming(['build'])).toMatchObject({
      subject: 'build',
      build: {
        project: { project_name: 'blinky' },
        parts: expect.arrayContaining([
          expect.objectContaining({ role: 'data', name: 'www', state: 'outside' }),
        ]),
        disagreements: [{ code: 'file-outside' }],
      },
    });
  });

  const shared = sharedFolder();

  it.runIf(shared !== undefined)('conforms to its schema for all real files', async () => {
    for (const [, path] of sharedImages()) await expectConforming([path]);
    const builds = join(shared ?? '', 'images/builddirs');
    for (const name of await readdir(builds)) {
      await expectConforming([join(builds, name, 'build')]);
    }
  });
});
