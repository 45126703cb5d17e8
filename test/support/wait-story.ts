import type { DeviceStatus } from '../../tools/core/fleet/commands/status.ts';
import {
  type DeviceWait,
  type Expectation,
  observeStatus,
  startDeviceWait,
} from '../../tools/core/fleet/commands/wait.ts';

export const sentAtMs = 1_000_000;
/** An update to 2.0.0 by a command. */
export const update: Expectation = {
  action: 'update',
  commandId: 'mine',
  sentAtMs,
  targetVersion: '2.0.0',
  force: false,
  acceptReported: false,
  timeoutMs: 30_000,
};

/** What a device says, `at` seconds after the command. */
export type Message = Partial<DeviceStatus> & { readonly at?: number; readonly retained?: boolean };

/** Plays messages; the device has run for an hour, on 1.0.0. */
export function play(messages: readonly Message[], expectation = update): DeviceWait {
  return messages.reduce<DeviceWait>(
    (wait, { at = 1, retained = false, ...fields }) => {
      const status: DeviceStatus = { state: 'idle', extra: {}, ...fields };
      return observeStatus(
        wait,
        { status, retained, receivedAtMs: sentAtMs + at * 1000 },
        expectation,
      );
    },
    startDeviceWait('d1', expectation),
  );
}

/** An update from 1.0.0, step by step. */
export const old = { currentVersion: '1.0.0', uptimeS: 3600 } as const;
export const retainedIdle: Message = { ...old, retained: true, at: -5 };
export const downloading: Message = { ...old, state: 'downloading', progressPct: 10, at: 2 };
export const written: Message = { ...old, state: 'success', at: 8 };
export const running: Message = { state: 'idle', currentVersion: '2.0.0', uptimeS: 1, at: 12 };
