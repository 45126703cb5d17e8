import type { ErrorCode } from '../../core/error-codes.ts';
import { DeliveryFailure } from '../../core/release/delivery.ts';

/** All bytes are with the device, but not its word: nobody writes that device again by himself. */
export function mayHaveCommitted(what: string, cause?: unknown): DeliveryFailure {
  return new DeliveryFailure(
    'device-may-have-committed',
    `the whole image was sent, then ${what}: it may have been installed`,
    {
      hint: 'Check the device: does it come back with the new firmware? Push again only if it does not.',
      cause,
      retryable: false,
    },
  );
}

export function passwordMissing(): DeliveryFailure {
  return new DeliveryFailure('device-password-missing', 'the device asks for a password', {
    hint: 'Give it with --password, OTA_PASSWORD, --password-file or in the batch file. For firmware with `password: ""` give an empty one.',
    retryable: false,
  });
}

/** What the updaters of the Arduino cores print when an update failed (`Update.printError`). */
const updaterErrors: readonly (readonly [RegExp, ErrorCode, string])[] = [
  [
    /md5|checksum/i,
    'device-checksum-mismatch',
    'The radio link or the power supply is bad: move the device closer, then push again.',
  ],
  [
    /not enough space|bad size|too large|too big/i,
    'device-no-space',
    'Make the firmware smaller, or flash once by cable with a partition table that has larger update slots.',
  ],
  [
    /partition/i,
    'device-no-partition',
    'Flash it once by cable with a partition table that has two app slots (`ota_0`, `ota_1`).',
  ],
  [
    /signature/i,
    'device-signature-refused',
    'Sign the image with the key that the firmware on the device trusts.',
  ],
  [
    /flash config/i,
    'device-flash-config',
    'Correct the board or flash size in the configuration, then build again.',
  ],
  [
    /bootstrapping|reset esp/i,
    'device-needs-reset',
    'Press the reset button or switch the power off and on, then push again.',
  ],
  [
    /magic|activate|decrypt|wrong chip|invalid|image/i,
    'device-image-refused',
    'Push the app image (`firmware.bin`) that was built for this chip: `ota inspect <file>`.',
  ],
  [
    /flash|erase|write/i,
    'device-flash-failed',
    'Restart the device and push again; if it stays, the flash chip or the power supply is bad.',
  ],
];

/** What an updater said instead of "done". It has looked and said no: the same attempt is not made again. */
export function explainUpdaterError(said: string): DeliveryFailure {
  const text = shown(said);
  const [, code, hint] = updaterErrors.find(([pattern]) => pattern.test(text)) ?? [
    undefined,
    'device-error' as const,
    'Look at the device log.',
  ];
  return new DeliveryFailure(code, `the device refuses the update: "${text}"`, {
    hint,
    retryable: false,
  });
}

/** Words of a device, fit for one line of a message. */
export function shown(text: string): string {
  return text
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 120);
}

export function seconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(1))} s`;
}
