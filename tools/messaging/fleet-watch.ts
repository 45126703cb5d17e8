import type { DeviceStatus } from '../core/fleet/commands/status.ts';
import type { StatusEvent } from '../core/fleet/commands/status-event.ts';

/** The newest of one device. */
export interface WatchedDevice {
  readonly device: string;
  readonly status?: DeviceStatus;
  readonly retained: boolean;
  readonly lastSeenMs: number;
  readonly messages: number;
  readonly malformed: number;
  readonly problem?: string;
}

export interface WatchFilter {
  readonly devices: readonly string[];
  readonly states: readonly string[];
}

/** Everything seen so far. */
export interface FleetWatch {
  /** Returns whether the event passes the filter. */
  take(event: StatusEvent): boolean;
  /** Devices that pass the filter, by name. */
  devices(): WatchedDevice[];
  readonly messages: number;
  readonly malformed: number;
}

/** Names come from outside: there is an end to them. */
const mostDevices = 100_000;

export function createFleetWatch(filter: WatchFilter): FleetWatch {
  const devices = new Map<string, WatchedDevice>();
  const names = new Set(filter.devices);
  const states = new Set(filter.states);
  let messages = 0;
  let malformed = 0;
  const passesState = (device: WatchedDevice) =>
    states.size === 0 || (device.status !== undefined && states.has(device.status.state));
  return {
    take(event) {
      if (names.size > 0 && !names.has(event.device)) return false;
      messages += 1;
      if (event.type === 'malformed') malformed += 1;
      const before = devices.get(event.device);
      if (before === undefined && devices.size >= mostDevices) return false;
      const base = {
        device: event.device,
        lastSeenMs: event.receivedAtMs,
        messages: (before?.messages ?? 0) + 1,
      };
      const device: WatchedDevice =
        event.type === 'malformed'
          ? {
              ...(before ?? { retained: false, malformed: 0 }),
              ...base,
              malformed: (before?.malformed ?? 0) + 1,
              problem: event.problem,
            }
          : {
              ...base,
              status: event.status,
              retained: event.retained,
              malformed: before?.malformed ?? 0,
            };
      devices.set(event.device, device);
      return passesState(device);
    },
    devices: () =>
      [...devices.values()]
        .filter(passesState)
        .sort((a, b) => a.device.localeCompare(b.device, 'en', { numeric: true })),
    get messages() {
      return messages;
    },
    get malformed() {
      return malformed;
    },
  };
}
