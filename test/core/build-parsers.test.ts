import { describe, expect, it } from 'vitest';
import { parseFlasherArgs } from '../../tools/core/build/flasher-args.ts';
import { parseProjectDescription } from '../../tools/core/build/project-description.ts';
import {
  parseSdkconfigJson,
  parseSdkconfigText,
  sdkconfigWhitelist,
} from '../../tools/core/build/sdkconfig.ts';
import { sampleBuild } from '../support/sample-build.ts';

const invalid = expect.objectContaining({ code: 'build-invalid' });

describe('project_description.json', () => {
  it('tells project, version, target and app', () => {
    expect(parseProjectDescription(sampleBuild.project, 'x')).toEqual({
      projectName: 'blinky',
      projectVersion: '1.2.3',
      target: 'esp32c3',
      appBin: 'blinky.bin',
      buildType: 'flash_app',
      idfVersion: 'v5.4',
      minChipRevision: 0,
      maxChipRevision: 199,
    });
  });

  it('counts empty and odd values as missing', () => {
    const odd = { project_name: '', project_version: 3, target: null, min_rev: '', max_rev: 'x' };
    expect(parseProjectDescription(odd, 'x')).toMatchObject({
      projectName: undefined,
      projectVersion: '3',
      target: undefined,
      minChipRevision: undefined,
      maxChipRevision: undefined,
    });
  });

  it.each([null, [], 'text', 3])('holds an object, not %j', (value) => {
    expect(() => parseProjectDescription(value, 'x')).toThrow(invalid);
  });
});

describe('flasher_args.json', () => {
  it('tells settings and files by address', () => {
    expect(parseFlasherArgs(sampleBuild.flasher, 'x')).toEqual({
      chip: 'esp32c3',
      flashMode: 'dio',
      flashFrequency: '80m',
      flashSize: '4MB',
      flashSizeBytes: 4 * 1024 * 1024,
      files: [
        { name: 'bootloader', offset: 0, path: 'bootloader/bootloader.bin', encrypted: false },
        {
          name: 'partition-table',
          offset: 0x8000,
          path: 'partition_table/partition-table.bin',
          encrypted: false,
        },
        { name: 'otadata', offset: 0xd000, path: 'ota_data_initial.bin', encrypted: false },
        { name: 'app', offset: 0x10000, path: 'blinky.bin', encrypted: false },
      ],
    });
  });

  it.each(['detect', 'keep'])('T14: the flash size "%s" is no size', (flash_size) => {
    const args = parseFlasherArgs({ flash_settings: { flash_size } }, 'x');
    expect(args).toMatchObject({ flashSize: flash_size, flashSizeBytes: undefined });
  });

  it('names data partitions, and files that only the list knows', () => {
    const value = {
      flash_files: { '0x200000': 'extra.bin', '0x110000': 'www.bin' },
      storage: { offset: '0x110000', file: 'www.bin', encrypted: 'true' },
    };
    expect(parseFlasherArgs(value, 'x').files).toEqual([
      { name: 'storage', offset: 0x110000, path: 'www.bin', encrypted: true },
      { name: 'extra.bin', offset: 0x200000, path: 'extra.bin', encrypted: false },
    ]);
  });

  it.each([
    ['an address', { app: { offset: 'here', file: 'a.bin' } }],
    ['an address in the list', { flash_files: { here: 'a.bin' } }],
    ['an address of flash', { flash_files: { '9999999999': 'a.bin' } }],
    ['a file name', { flash_files: { '0x0': 7 } }],
    [
      'a number of files that a build can have',
      { flash_files: Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`${at}`, 'a'])) },
    ],
  ])('must have %s', (_, value) => {
    expect(() => parseFlasherArgs(value, 'x')).toThrow(invalid);
  });
});

describe('sdkconfig', () => {
  const json = {
    IDF_TARGET: 'esp32',
    PARTITION_TABLE_OFFSET: 0x10000,
    BOOTLOADER_OFFSET_IN_FLASH: 0x1000,
    ESPTOOLPY_FLASHSIZE: '16MB',
    BOOTLOADER_APP_ANTI_ROLLBACK: true,
    BOOTLOADER_APP_SECURE_VERSION: 7,
    SECURE_BOOT: true,
    SECURE_BOOT_V2_ENABLED: true,
    SECURE_BOOT_BUILD_SIGNED_BINARIES: true,
    SECURE_FLASH_ENC_ENABLED: true,
    ESP_WIFI_PASSWORD: 'hunter2',
  };
  const expected = {
    target: 'esp32',
    partitionTableOffset: 0x10000,
    bootloaderOffset: 0x1000,
    flashSizeBytes: 16 * 1024 * 1024,
    rollback: false,
    antiRollback: true,
    secureVersion: 7,
    secureBoot: 'v2',
    signedApps: true,
    signedAppsV1Scheme: false,
    buildSignedBinaries: true,
    flashEncryption: true,
    reproducible: false,
    versionFromConfig: false,
  };

  it('as JSON tells what matters for updates, and nothing else', () => {
    const config = parseSdkconfigJson(json, 'x');
    expect(config).toEqual(expected);
    expect(JSON.stringify(config)).not.toContain('hunter2');
  });

  it('as text says the same', () => {
    const text = `
CONFIG_IDF_TARGET="esp32"
CONFIG_PARTITION_TABLE_OFFSET=0x10000
CONFIG_BOOTLOADER_OFFSET_IN_FLASH=0x1000
CONFIG_ESPTOOLPY_FLASHSIZE="16MB"
# CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE is not set
CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK=y
CONFIG_BOOTLOADER_APP_SECURE_VERSION=7
CONFIG_SECURE_BOOT=y\r
CONFIG_SECURE_BOOT_V2_ENABLED=y
CONFIG_SECURE_BOOT_BUILD_SIGNED_BINARIES=y
CONFIG_SECURE_FLASH_ENC_ENABLED=y
CONFIG_ESP_WIFI_PASSWORD="hunter2"
`;
    expect(parseSdkconfigText(text)).toEqual(expected);
  });

  it('knows older names of options', () => {
    expect(
      parseSdkconfigText('CONFIG_APP_ANTI_ROLLBACK=y\nCONFIG_APP_SECURE_VERSION=2'),
    ).toMatchObject({
      antiRollback: true,
      secureVersion: 2,
    });
  });

  it.each([
    [
      { SECURE_BOOT: true, SECURE_BOOT_V1_ENABLED: true },
      { secureBoot: 'v1', signedApps: true },
    ],
    [{ SECURE_SIGNED_APPS_NO_SECURE_BOOT: true }, { secureBoot: undefined, signedApps: true }],
    [{}, { secureBoot: undefined, signedApps: false, secureVersion: undefined }],
  ])('%j means %j', (options, meaning) => {
    expect(parseSdkconfigJson(options, 'x')).toMatchObject(meaning);
  });

  it('has no option in its list that could hold a secret', () => {
    expect([...sdkconfigWhitelist].filter((name) => /PASS|KEY|SSID|TOKEN/.test(name))).toEqual([]);
  });
});
