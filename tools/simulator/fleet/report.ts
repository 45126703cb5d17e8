import { type DeviceState, seedStatusCodes } from '../../core/fleet/commands/status.ts';
import { DeviceError } from './device-error.ts';
import type { Machine } from './machine.ts';
import { type Fault, type FleetProfile, hasFault } from './profile.ts';

export interface ReporterOptions {
  readonly name: string;
  readonly profile: FleetProfile;
  readonly fault?: Fault;
  readonly signal: AbortSignal;
}

/** What a device says on its status topic. */
export interface Reporter {
  /** Later messages answer this command. */
  answer(commandId: string | undefined): void;
  /** Later messages name this version as available; an empty one is none. */
  offered(version: string): void;
  say(state: DeviceState, message: string, more?: Details): Promise<void>;
  /** Says what went wrong, unless the device is being switched off. */
  fail(error: unknown): Promise<void>;
}

interface Details {
  readonly progress?: number;
  /** By the name that ESP-IDF has for it. */
  readonly error?: string;
}

export function createReporter(options: ReporterOptions, machine: Machine): Reporter {
  const { name, profile, fault, signal } = options;
  const topic = profile.statusTopic.expand({ device: name });
  const clockOff = hasFault(fault, 'clock_off');
  const about: { available: string; commandId?: string | undefined } = { available: '' };
  let lastText = '';

  const format = (state: DeviceState, message: string, more: Details): string => {
    const uptimeMs = machine.uptimeMs();
    const code = seedStatusCodes.indexOf(state as (typeof seedStatusCodes)[number]);
    return JSON.stringify({
      timestamp_us: clockOff ? 4e15 - uptimeMs : uptimeMs * 1000,
      uptime_sec: Math.floor(uptimeMs / 1000),
      status: code < 0 ? state : code,
      progress_pct: more.progress ?? 0,
      message,
      current_version: machine.slots.running.version,
      available_version: about.available,
      rollback_pending: machine.slots.onTrial,
      free_heap: 95_632 - (state === 'downloading' ? 20_000 : 0),
      device_id: name,
      ...(more.error === undefined ? {} : { error: more.error }),
      ...(profile.commandIds && about.commandId !== undefined
        ? { command_id: about.commandId }
        : {}),
    });
  };
  const say = async (state: DeviceState, message: string, more: Details = {}): Promise<void> => {
    const text = format(state, message, more);
    const copies = hasFault(fault, 'duplicate') ? [lastText, text, text] : [text];
    lastText = text;
    for (const copy of copies) {
      if (copy !== '') await machine.client.publish(topic, copy, { qos: 1, retain: true });
    }
  };
  return {
    answer(commandId) {
      about.commandId = commandId;
    },
    offered(version) {
      about.available = version;
    },
    say,
    async fail(error) {
      if (signal.aborted) return;
      const espName = error instanceof DeviceError ? error.espName : 'ESP_FAIL';
      await say('failed', error instanceof Error ? error.message : String(error), {
        error: espName,
      });
    },
  };
}
