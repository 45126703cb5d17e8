import { objectOf, parseAddress, parseFlashSize } from './fields.ts';

/**
 * The options that matter for updates. Nothing else of a build's configuration is read: it can hold Wi-Fi
 * passwords and keys. Newer name first; older ones behind it.
 */
const optionNames = {
  target: ['IDF_TARGET'],
  partitionTableOffset: ['PARTITION_TABLE_OFFSET'],
  bootloaderOffset: ['BOOTLOADER_OFFSET_IN_FLASH'],
  flashSize: ['ESPTOOLPY_FLASHSIZE'],
  rollback: ['BOOTLOADER_APP_ROLLBACK_ENABLE', 'APP_ROLLBACK_ENABLE'],
  antiRollback: ['BOOTLOADER_APP_ANTI_ROLLBACK', 'APP_ANTI_ROLLBACK'],
  secureVersion: ['BOOTLOADER_APP_SECURE_VERSION', 'APP_SECURE_VERSION'],
  secureBoot: ['SECURE_BOOT', 'SECURE_BOOT_ENABLED'],
  secureBootV1: ['SECURE_BOOT_V1_ENABLED'],
  secureBootV2: ['SECURE_BOOT_V2_ENABLED'],
  signedApps: ['SECURE_SIGNED_APPS'],
  signedAppsWithoutSecureBoot: ['SECURE_SIGNED_APPS_NO_SECURE_BOOT'],
  signedAppsV1Scheme: ['SECURE_SIGNED_APPS_ECDSA_SCHEME'],
  buildSignedBinaries: ['SECURE_BOOT_BUILD_SIGNED_BINARIES'],
  flashEncryption: ['SECURE_FLASH_ENC_ENABLED'],
  reproducible: ['APP_REPRODUCIBLE_BUILD'],
  versionFromConfig: ['APP_PROJECT_VER_FROM_CONFIG'],
} as const satisfies Record<string, readonly string[]>;

export const sdkconfigWhitelist: ReadonlySet<string> = new Set(Object.values(optionNames).flat());

/** What the build was configured to do. An option whose dependency is off is absent, not false. */
export interface Sdkconfig {
  readonly target: string | undefined;
  readonly partitionTableOffset: number | undefined;
  readonly bootloaderOffset: number | undefined;
  readonly flashSizeBytes: number | undefined;
  readonly rollback: boolean;
  readonly antiRollback: boolean;
  readonly secureVersion: number | undefined;
  readonly secureBoot: 'v1' | 'v2' | undefined;
  /** The device checks signatures of updates, with or without secure boot. */
  readonly signedApps: boolean;
  /** Apps are signed in the old way (a trailer of 68 bytes), not with a signature sector. */
  readonly signedAppsV1Scheme: boolean;
  /** The build signs; otherwise the binary is signed later. */
  readonly buildSignedBinaries: boolean;
  readonly flashEncryption: boolean;
  readonly reproducible: boolean;
  readonly versionFromConfig: boolean;
}

type Options = ReadonlyMap<string, string>;

/** Reads `config/sdkconfig.json`: names without prefix, values with JSON types. @throws OtaError `build-invalid` */
export function parseSdkconfigJson(value: unknown, path: string): Sdkconfig {
  const options = new Map<string, string>();
  for (const [name, option] of Object.entries(objectOf(value, path))) {
    if (sdkconfigWhitelist.has(name)) options.set(name, option === true ? 'y' : String(option));
  }
  return fromOptions(options);
}

/** Reads a top-level `sdkconfig`: `CONFIG_NAME=value` lines, `# CONFIG_NAME is not set`. */
export function parseSdkconfigText(text: string): Sdkconfig {
  const options = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^CONFIG_(\w+)=(?:"(.*)"|(.*))$/.exec(line.trim());
    const name = match?.[1] ?? '';
    if (sdkconfigWhitelist.has(name)) options.set(name, match?.[2] ?? match?.[3] ?? '');
  }
  return fromOptions(options);
}

function fromOptions(options: Options): Sdkconfig {
  const text = (key: keyof typeof optionNames): string | undefined =>
    optionNames[key].map((name) => options.get(name)).find((value) => value !== undefined);
  const flag = (key: keyof typeof optionNames): boolean => text(key) === 'y';
  const number = (key: keyof typeof optionNames): number | undefined =>
    parseAddress(text(key) ?? '');
  const secureBoot = flag('secureBootV2')
    ? 'v2'
    : flag('secureBootV1') || flag('secureBoot')
      ? 'v1'
      : undefined;
  return {
    target: text('target') || undefined,
    partitionTableOffset: number('partitionTableOffset'),
    bootloaderOffset: number('bootloaderOffset'),
    flashSizeBytes: parseFlashSize(text('flashSize')),
    rollback: flag('rollback'),
    antiRollback: flag('antiRollback'),
    secureVersion: number('secureVersion'),
    secureBoot,
    signedApps:
      secureBoot !== undefined || flag('signedApps') || flag('signedAppsWithoutSecureBoot'),
    signedAppsV1Scheme: flag('signedAppsV1Scheme'),
    buildSignedBinaries: flag('buildSignedBinaries'),
    flashEncryption: flag('flashEncryption'),
    reproducible: flag('reproducible'),
    versionFromConfig: flag('versionFromConfig'),
  };
}
