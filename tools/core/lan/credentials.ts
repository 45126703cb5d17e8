import type { DeviceTarget } from '../release/delivery.ts';

/** What holds for every device that does not bring its own. */
export interface DeviceDefaults {
  readonly port?: number | undefined;
  readonly password?: string | undefined;
  readonly encryptionKey?: string | undefined;
}

/** Where a secret can come from, as it was found there; an empty text is a value. */
export interface SecretSources {
  readonly flag?: string | undefined;
  /** From the environment; there an empty text is the same as none, as CI systems set unknown names. */
  readonly variable?: string | undefined;
  /** From a file or standard input. */
  readonly file?: string | undefined;
}

/** The first source that has a value, in this order: flag, variable, file. */
export function chooseSecret({ flag, variable, file }: SecretSources): string | undefined {
  return flag ?? (variable === '' ? undefined : variable) ?? file;
}

/** Gives every device what it lacks; its own entries go first, an empty password included. */
export function applyDefaults(
  devices: readonly DeviceTarget[],
  { port, password, encryptionKey }: DeviceDefaults,
): DeviceTarget[] {
  return devices.map((device) => ({
    ...(port === undefined ? {} : { port }),
    ...(password === undefined ? {} : { password }),
    ...(encryptionKey === undefined ? {} : { encryptionKey }),
    ...device,
  }));
}
