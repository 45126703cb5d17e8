import type { DeviceTarget } from '../../core/release/delivery.ts';
import { createChannelCheck } from '../channel-check.ts';
import { createResolver, type Resolver } from './resolve.ts';

/** UDP and TCP ports of the chip families, the same for ESPHome and ArduinoOTA; firmware can change them. */
export const usualPorts = { esp32: 3232, esp8266: 8266 } as const;

export type ChipFamily = keyof typeof usualPorts;

/** What a transport finds on the network; tests bring their own. */
export interface Network {
  readonly resolve: Resolver;
  readonly usualPorts: Readonly<Record<ChipFamily, number>>;
}

export const realNetwork: Network = { resolve: createResolver(), usualPorts };

/** How a device is called in plans and reports: its name, host and port as far as they are given. */
export function destinationOf(device: DeviceTarget, port: number | undefined): string {
  const host = device.host.includes(':') && port !== undefined ? `[${device.host}]` : device.host;
  const address = port === undefined ? host : `${host}:${port}`;
  return device.name === undefined ? address : `${device.name} (${address})`;
}

/**
 * For a transport that cannot encrypt: whoever configures a key does not want the firmware in the clear.
 *
 * @throws OtaError `channel-invalid`
 */
export function refuseKeys(transport: string, devices: readonly DeviceTarget[]): void {
  const check = createChannelCheck(transport);
  for (const { host, encryptionKey } of devices) {
    if (encryptionKey !== undefined) {
      check.add(
        `${host}: encryption_key`,
        `${transport} cannot encrypt; leave the key out to push in the clear`,
      );
    }
  }
  check.finish();
}

/** A word on a port that was not the first choice. */
export function portWarnings(ports: readonly number[], reached: number): string[] {
  return reached === ports[0]
    ? []
    : [`port ${ports[0]} refused; the device was reached on ${reached}`];
}
