import { startArduinoDevice } from '../../simulator/arduino-device.ts';
import { startEsphomeDevice } from '../../simulator/esphome-device.ts';
import type { Generation } from '../../simulator/firmware.ts';
import { createVirtualFlash, type VirtualFlash } from '../../simulator/virtual-flash.ts';
import { startWebDevice } from '../../simulator/web-device.ts';
import type { Clock } from '../clock.ts';

/** Virtual devices that take pushes, by the protocol that they speak. */
export const pushedKinds = ['esphome', 'arduino', 'web'] as const;
export type PushedKind = (typeof pushedKinds)[number];

export interface SimulateDevicesOptions {
  readonly kind: PushedKind;
  readonly count: number;
  /** The first device listens here, the others on the ports that follow. */
  readonly portBase: number;
  readonly password?: string;
  /** 32 bytes. ESPHome only. */
  readonly encryptionKey?: Uint8Array;
  /** Of ESPHome firmware. */
  readonly generation?: Generation;
  /** Default: as fast as this machine. */
  readonly bytesPerSecond?: number;
  /** How long a device is away after an update. */
  readonly downtimeMs: number;
  readonly clock: Clock;
}

export interface SimulatedDevice {
  readonly host: string;
  readonly port: number;
  readonly flash: VirtualFlash;
  readonly updates: number;
  close(): Promise<void>;
  /** When every client so far has been served. */
  idle(): Promise<void>;
}

/** Starts virtual devices on this machine. A port that is taken ends those that were started before it. */
export async function simulateDevices(options: SimulateDevicesOptions): Promise<SimulatedDevice[]> {
  const devices: SimulatedDevice[] = [];
  try {
    for (let index = 0; index < options.count; index += 1) {
      devices.push(await start(options, options.portBase + index));
    }
    return devices;
  } catch (error) {
    await Promise.all(devices.map((device) => device.close()));
    throw error;
  }
}

function start(options: SimulateDevicesOptions, port: number): Promise<SimulatedDevice> {
  const { kind, password, encryptionKey, generation, downtimeMs } = options;
  const flash = createFlash(options);
  const secret = password === undefined ? {} : { password };
  if (kind === 'arduino') return startArduinoDevice({ port, flash, ...secret });
  if (kind === 'web') {
    const credentials =
      password === undefined ? {} : { credentials: { username: 'admin', password } };
    return startWebDevice({ port, flash, ...credentials });
  }
  return startEsphomeDevice({
    port,
    flash,
    downtimeMs,
    ...secret,
    ...(generation === undefined ? {} : { generation }),
    ...(encryptionKey === undefined ? {} : { encryption: { key: encryptionKey, required: true } }),
  });
}

function createFlash({ bytesPerSecond, clock }: SimulateDevicesOptions): VirtualFlash {
  if (bytesPerSecond === undefined) return createVirtualFlash();
  const never = new AbortController().signal;
  return createVirtualFlash({
    bytesPerSecond,
    wait: (ms) => clock.wait(ms, never),
    now: () => performance.now(),
  });
}
