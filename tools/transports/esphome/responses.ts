import type { ErrorCode } from '../../core/error-codes.ts';

/** What an error answer means, and what a person can do about it. */
export interface DeviceRefusal {
  readonly answer: number;
  /** Its name in the protocol. */
  readonly name: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

const noSpace = (answer: number, name: string, what: string): DeviceRefusal => ({
  answer,
  name,
  code: 'device-no-space',
  message: `the image does not fit ${what}`,
  hint: 'Make the firmware smaller, or flash once by cable with a partition table that has larger update slots.',
});

const keepPowered =
  'Do not switch the device off and do not restart it: push again now, the device still runs.';

/**
 * All error answers of the protocol. None is worth the same attempt again: the device has looked and said
 * no. Source: `ota_backend.h` (`OTAResponseTypes`) and `espota2.py` of ESPHome.
 */
export const refusals: readonly DeviceRefusal[] = [
  {
    answer: 0x80,
    name: 'ERROR_MAGIC',
    code: 'device-wrong-protocol',
    message: 'the device does not know the greeting of ESPHome OTA',
    hint: 'Check the port: 3232 is usual for ESP32, 8266 for ESP8266. Is `ota: - platform: esphome` in its configuration?',
  },
  {
    answer: 0x81,
    name: 'ERROR_UPDATE_PREPARE',
    code: 'device-flash-failed',
    message: 'the device could not prepare its flash for the update',
    hint: 'Restart the device and push again; if it stays, the image may be too large, or the flash is worn out.',
  },
  {
    answer: 0x82,
    name: 'ERROR_AUTH_INVALID',
    code: 'unauthorized',
    message: 'the device refuses the password',
    hint: 'Give the password that the firmware *now running* was built with (`ota: password:`).',
  },
  {
    answer: 0x83,
    name: 'ERROR_WRITING_FLASH',
    code: 'device-flash-failed',
    message: 'the device could not write to its flash',
    hint: 'Look at the device log; restart the device and push again. If it stays, the flash chip or the power supply is bad.',
  },
  {
    answer: 0x84,
    name: 'ERROR_UPDATE_END',
    code: 'device-image-refused',
    message: 'the device could not finish the update: it finds the image invalid',
    hint: 'Check that the image was built for this chip and board: `ota inspect <file>`. The old firmware is still there.',
  },
  {
    answer: 0x85,
    name: 'ERROR_INVALID_BOOTSTRAPPING',
    code: 'device-needs-reset',
    message: 'the device must be reset by hand once, after it was flashed by cable',
    hint: 'Press the reset button or switch the power off and on, then push again.',
  },
  {
    answer: 0x86,
    name: 'ERROR_WRONG_CURRENT_FLASH_CONFIG',
    code: 'device-flash-config',
    message: 'the firmware on the device is set up for another flash size than its chip has',
    hint: 'Correct the board or flash size in its configuration and flash it once by cable.',
  },
  {
    answer: 0x87,
    name: 'ERROR_WRONG_NEW_FLASH_CONFIG',
    code: 'device-flash-config',
    message: 'the new firmware is set up for another flash size than the chip has',
    hint: 'Correct the board or flash size in the configuration, build again, and push the new image.',
  },
  noSpace(0x88, 'ERROR_ESP8266_NOT_ENOUGH_SPACE', 'into the free flash of this ESP8266'),
  noSpace(0x89, 'ERROR_ESP32_NOT_ENOUGH_SPACE', 'into the update partition of the device'),
  {
    answer: 0x8a,
    name: 'ERROR_NO_UPDATE_PARTITION',
    code: 'device-no-partition',
    message: 'the device has no partition for updates',
    hint: 'Flash it once by cable with a partition table that has two app slots (`ota_0`, `ota_1`).',
  },
  {
    answer: 0x8b,
    name: 'ERROR_MD5_MISMATCH',
    code: 'device-checksum-mismatch',
    message: 'the device received other bytes than were sent (MD5 differs)',
    hint: 'The radio link or the power supply is bad: move the device closer, then push again.',
  },
  noSpace(0x8c, 'ERROR_RP2040_NOT_ENOUGH_SPACE', 'into the flash of this RP2040'),
  {
    answer: 0x8d,
    name: 'ERROR_SIGNATURE_INVALID',
    code: 'device-signature-refused',
    message: 'the device refuses the signature of the image',
    hint: 'Sign the image with the key that the firmware on the device trusts.',
  },
  {
    answer: 0x8e,
    name: 'ERROR_UNSUPPORTED_OTA_TYPE',
    code: 'device-unsupported',
    message: 'the device does not support this kind of update',
    hint: 'Only an app image can be sent to this firmware; flash bootloader and partition table by cable.',
  },
  {
    answer: 0x8f,
    name: 'ERROR_PARTITION_TABLE_VERIFY',
    code: 'device-partition-failed',
    message: 'the device finds the partition table invalid; nothing was changed',
    hint: 'Correct the partition table and push again.',
  },
  {
    answer: 0x90,
    name: 'ERROR_PARTITION_TABLE_UPDATE',
    code: 'device-partition-failed',
    message: 'the device failed while it wrote the partition table',
    hint: keepPowered,
  },
  {
    answer: 0x91,
    name: 'ERROR_BOOTLOADER_VERIFY',
    code: 'device-partition-failed',
    message: 'the device finds the bootloader invalid; nothing was changed',
    hint: 'Build the bootloader for this chip and push again.',
  },
  {
    answer: 0x92,
    name: 'ERROR_BOOTLOADER_UPDATE',
    code: 'device-partition-failed',
    message: 'the device failed while it wrote the bootloader',
    hint: keepPowered,
  },
  {
    answer: 0x93,
    name: 'ERROR_VERSION_DOWNGRADE',
    code: 'device-downgrade-refused',
    message: 'the device refuses to go back: the version is not newer than the one that runs',
    hint: 'Build with a higher version, or flash by cable.',
  },
  {
    answer: 0x94,
    name: 'ERROR_ENCRYPTION_REQUIRED',
    code: 'device-encryption-required',
    message: 'the device takes updates over an encrypted connection only',
    hint: 'Give its key with --encryption-key (in ESPHome: `api: encryption: key:` or `ota: encryption: key:`).',
  },
  {
    answer: 0x95,
    name: 'ERROR_SHA256_MISMATCH',
    code: 'device-checksum-mismatch',
    message: 'the device received other bytes than were sent (SHA-256 differs)',
    hint: 'The radio link or the power supply is bad: move the device closer, then push again.',
  },
  {
    answer: 0x96,
    name: 'ERROR_SHA256_CHECKSUM_REQUIRED',
    code: 'device-unsupported',
    message: 'the device wants an image checksum that it was not offered (SHA-256)',
    hint: 'This is a matter of protocol features; please report it with the firmware version of the device.',
  },
  {
    answer: 0xff,
    name: 'ERROR_UNKNOWN',
    code: 'device-error',
    message: 'the device reports an error without saying which',
    hint: 'Look at the device log. Older firmware also says this when the connection was too slow for it.',
  },
];
