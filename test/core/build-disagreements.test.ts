import { describe, expect, it } from 'vitest';
import {
  ecKey,
  patched,
  sampleApp,
  sampleBareImage,
  sampleBootloader,
} from '../support/esp-images.ts';
import { factorySlot, partitionTable, twoSlots } from '../support/flash-files.ts';
import { type BuildChanges, joinSample, sampleBuild } from '../support/sample-build.ts';
import { signImage } from '../support/sign-image.ts';

function found(changes: BuildChanges): string[] {
  return joinSample(changes).disagreements.map(
    ({ code, severity, message }) => `${code} (${severity}): ${message}`,
  );
}

function app(bytes: Uint8Array): BuildChanges {
  return { files: { 'blinky.bin': bytes } };
}

function table(bytes: Uint8Array): NonNullable<BuildChanges['files']> {
  return { 'partition_table/partition-table.bin': bytes };
}

function flashed(name: string, change: object): BuildChanges {
  const { [name]: entry } = sampleBuild.flasher;
  return { flasher: { flash_files: {}, [name]: { ...(entry as object), ...change } } };
}

describe('a build that agrees with itself', () => {
  it('has no disagreements, and all its parts', () => {
    expect(joinSample()).toMatchObject({
      disagreements: [],
      app: { path: 'blinky.bin', offset: 0x10000, state: 'present' },
      bootloader: { offset: 0 },
      otadata: { offset: 0xd000 },
      data: [],
      partitionTable: { partitions: { length: 5 } },
      partitionTableOffset: 0x8000,
      flashSizeBytes: 4 * 1024 * 1024,
    });
  });

  it('T14: takes the flash size from the configuration, else from the header', () => {
    const flasher = { flash_settings: { flash_size: 'detect' } };
    const config = { ESPTOOLPY_FLASHSIZE: '16MB' };
    expect(joinSample({ flasher, config }).flashSizeBytes).toBe(16 * 1024 * 1024);
    const silent = { ESPTOOLPY_FLASHSIZE: undefined };
    expect(joinSample({ flasher, config: silent }).flashSizeBytes).toBe(4 * 1024 * 1024);
  });

  it('may have cut its version, as the build does', () => {
    const version = 'v6.0-dev-5018-gebc68a19107-dirty';
    const project = { project_version: version };
    expect(found({ project, ...app(sampleApp({ version })) })).toEqual([]);
  });

  it("is not asked for Arduino's placeholder", () => {
    expect(found(app(sampleApp({ project: 'arduino-lib-builder', version: 'abc' })))).toEqual([]);
  });
});

describe('a build disagrees with itself when', () => {
  it.each<[string, BuildChanges, string]>([
    [
      'the app is missing',
      { files: { 'blinky.bin': undefined } },
      'file-missing (error): the app ("blinky.bin") is listed but not there',
    ],
    [
      'the bootloader is missing',
      { files: { 'bootloader/bootloader.bin': undefined } },
      'file-missing (warning): the bootloader ("bootloader/bootloader.bin") is listed but not there',
    ],
    [
      'the app is a bootloader',
      app(sampleBootloader()),
      'file-kind (error): the app ("blinky.bin") is a bootloader',
    ],
    [
      'two files name another app',
      { project: { app_bin: 'other.bin' } },
      'app-name (error): the app is "other.bin" in project_description.json and "blinky.bin" in flasher_args.json',
    ],
    [
      'the app is from an earlier build',
      app(sampleApp({ version: '1.2.2' })),
      'project-version (warning): the version is "1.2.2" in the app and "1.2.3" in project_description.json: the app is from another build',
    ],
    [
      'the app is of another project',
      app(sampleApp({ project: 'other' })),
      'project-name (warning): the project is "other" in the app and "blinky" in project_description.json: the app is from another build',
    ],
    [
      'the app was built with another ESP-IDF',
      app(sampleApp({ idfVersion: 'v5.3' })),
      'idf-version (warning): the ESP-IDF version is "v5.3" in the app and "v5.4" in project_description.json: the app is from another build',
    ],
    [
      'the app is for another chip',
      app(sampleApp({ chip: 'esp32' })),
      'target (error): the target is "esp32c3", but the app is for "esp32"',
    ],
    [
      'the bootloader is for another chip',
      { files: { 'bootloader/bootloader.bin': sampleBareImage('esp32c2') } },
      'target (error): the target is "esp32c3", but the bootloader is for "esp32c2"',
    ],
    [
      'esptool is told another chip',
      { flasher: { extra_esptool_args: { chip: 'esp32s3' } } },
      'target (error): the target is "esp32c3", but flasher_args.json is for "esp32s3"',
    ],
    [
      'the configuration has another target',
      { config: { IDF_TARGET: 'esp32s2' } },
      'target (error): the target is "esp32c3", but the configuration is for "esp32s2"',
    ],
    [
      'the app wants another chip revision',
      { project: { min_rev: '3' } },
      'chip-revision (warning): the least chip revision is v0.0 in the app and v0.3 in project_description.json',
    ],
    [
      'the header has another flash size',
      { files: { 'bootloader/bootloader.bin': patched(sampleBootloader(), 3, [0x1f]) } },
      "flash-size (warning): the flash has 4 MB by configuration and 2 MB in the bootloader's header",
    ],
    [
      'the table goes elsewhere than configured',
      { config: { PARTITION_TABLE_OFFSET: 0x9000 } },
      'table-offset (error): the partition-table is flashed to 0x8000, its place in the configuration is 0x9000',
    ],
    [
      'the bootloader goes elsewhere than the chip looks for it',
      {
        config: { BOOTLOADER_OFFSET_IN_FLASH: undefined },
        ...flashed('bootloader', { offset: '0x1000' }),
      },
      'bootloader-offset (error): the bootloader is flashed to 0x1000, its place by chip and configuration is 0x0',
    ],
    [
      'the bootloader reaches into the table',
      { files: { 'bootloader/bootloader.bin': sampleBootloader({ sizeBytes: 0x8000 }) } },
      'bootloader-size (error): the bootloader ends at 0x80a0, behind the start of the partition table at 0x8000',
    ],
    [
      'the app goes elsewhere than the slot that boots',
      { files: table(partitionTable([...twoSlots, factorySlot])) },
      'app-offset (error): the app is flashed to 0x10000, its place for "factory" is 0x210000',
    ],
    [
      'otadata goes elsewhere than its partition',
      flashed('otadata', { offset: '0xe000' }),
      'otadata-offset (error): the otadata is flashed to 0xe000, its place in the partition table is 0xd000',
    ],
    [
      'the table breaks a rule',
      { files: table(partitionTable(twoSlots.map((row) => ({ ...row, label: 'x' })))) },
      'partition-rule (error): more than one partition is called "x"',
    ],
    [
      'the table is damaged',
      { files: table(patched(partitionTable(), 12, [0x4e])) },
      'partition-rule (error): the MD5 of the partition table does not match its entries',
    ],
    [
      'the table does not fit into the flash',
      { flasher: { flash_settings: { flash_size: '2MB' } } },
      'partition-rule (error): partition "ota_1" ends at 0x210000, behind the flash of 0x200000 bytes',
    ],
    [
      'a data file lies in no partition',
      {
        flasher: { storage: { offset: '0x300000', file: 'www.bin' } },
        files: { 'www.bin': new Uint8Array(10) },
      },
      'data-offset (warning): data file "storage" at 0x300000 lies in no partition',
    ],
    [
      'a data file is larger than its partition',
      {
        flasher: { storage: { offset: '0x9000', file: 'www.bin' } },
        files: { 'www.bin': new Uint8Array(0x4001) },
      },
      'data-size (error): data file "storage" at 0x9000 has 16385 bytes, the partition "nvs" only 16384',
    ],
    [
      'the secure version is not the configured one',
      {
        config: { BOOTLOADER_APP_ANTI_ROLLBACK: true, BOOTLOADER_APP_SECURE_VERSION: 2 },
        ...app(sampleApp({ secureVersion: 1 })),
      },
      'secure-version (error): the secure version is 1 in the app and 2 in the configuration',
    ],
    [
      'anti-rollback is on and a slot is out of reach',
      {
        config: { BOOTLOADER_APP_ANTI_ROLLBACK: true },
        files: table(partitionTable([...twoSlots, factorySlot])),
      },
      'anti-rollback-slot (error): anti-rollback is on, but the table has the slot "factory", which no update reaches',
    ],
    [
      'the build should have signed the app',
      { config: { SECURE_BOOT_V2_ENABLED: true, SECURE_BOOT_BUILD_SIGNED_BINARIES: true } },
      'signature (error): the build signs its binaries, but the app is unsigned',
    ],
    [
      'the app is still to be signed',
      { config: { SECURE_BOOT_V2_ENABLED: true } },
      'signature (warning): devices want a signed app; this one is not signed yet',
    ],
    [
      'the app is signed in the wrong way',
      {
        config: { SECURE_BOOT_V1_ENABLED: true },
        ...app(signImage(sampleApp(), [ecKey('prime256v1')])),
      },
      'signature (error): the app is signed for secure-boot-v2, the configuration wants secure-boot-v1',
    ],
  ])('%s', (_, changes, line) => {
    expect(found(changes)).toContain(line);
  });

  it('the app fits into no slot, or only into some', () => {
    const large = app(sampleApp({ sizeBytes: 0x100001 }));
    expect(found(large).filter((line) => line.startsWith('app-size'))).toEqual([
      'app-size (error): the app has 1048592 bytes, the slot "ota_0" only 1048576',
      'app-size (error): the app has 1048592 bytes, the slot "ota_1" only 1048576',
    ]);
    const rows = twoSlots.map((row) =>
      row.label === 'ota_1' ? { ...row, sizeBytes: 0x200000 } : row,
    );
    const files = { ...large.files, ...table(partitionTable(rows)) };
    expect(found({ files })).toEqual([
      'app-size (warning): the app has 1048592 bytes, the slot "ota_0" only 1048576',
    ]);
  });

  it('an app that just fits is fine', () => {
    expect(found(app(sampleApp({ sizeBytes: 0x100000 })))).toEqual([]);
  });

  it('a signed app is what the configuration wants', () => {
    const signed = app(signImage(sampleApp(), [ecKey('prime256v1')]));
    expect(found({ config: { SECURE_BOOT_V2_ENABLED: true }, ...signed })).toEqual([]);
  });

  it('it names no app at all', () => {
    const flasher = { app: undefined, flash_files: {} };
    expect(found({ flasher, project: { app_bin: '' } })).toEqual([
      'file-missing (error): the build names no app binary',
    ]);
    expect(joinSample({ flasher }).app).toMatchObject({ path: 'blinky.bin', offset: undefined });
  });
});
