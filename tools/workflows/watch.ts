import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { OtaError } from '../core/errors.ts';
import type { StatusEvent } from '../core/fleet/commands/status-event.ts';
import { parseTopicTemplate } from '../core/fleet/commands/topic-template.ts';
import { createFleetWatch, type FleetWatch, type WatchFilter } from '../messaging/fleet-watch.ts';
import { followStatus } from '../messaging/status-feed.ts';
import { type LoadedConfig, openConfiguredClient } from './deploy-config.ts';

export interface WatchOptions {
  readonly loaded: LoadedConfig;
  readonly filter: WatchFilter;
  /** Every event that passes the filter is written here, one JSON object a line. */
  readonly recordPath?: string;
  /** Ends the watch after so long; otherwise the signal does. */
  readonly durationMs?: number;
  readonly now: () => number;
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** Called for every event that passes the filter. */
  onEvent(event: StatusEvent, watch: FleetWatch): void;
  onConnection(event: 'lost' | 'back'): void;
}

/**
 * Follows the status of all devices until the signal is aborted, which is how a watch ends well.
 *
 * @throws OtaError when the broker cannot be reached or refuses, or the record cannot be written
 */
export async function watchFleet(options: WatchOptions): Promise<FleetWatch> {
  const { loaded, signal, now, random } = options;
  const topic = parseTopicTemplate(loaded.config.mqtt.status_topic, ['device']);
  const watch = createFleetWatch(options.filter);
  const client = await openConfiguredClient(loaded, {
    signal,
    random,
    notify: options.onConnection,
  });
  const record = options.recordPath === undefined ? undefined : openRecord(options.recordPath);
  try {
    await followStatus({
      client,
      topic,
      now,
      handle(event) {
        if (!watch.take(event)) return;
        record?.write(`${JSON.stringify(statusEventJson(event))}\n`);
        options.onEvent(event, watch);
      },
    });
    await Promise.race([ended(signal, options.durationMs), ...(record?.failed ?? [])]);
    return watch;
  } finally {
    await client.close();
    await record?.close();
  }
}

/** One line of NDJSON. */
export function statusEventJson(event: StatusEvent): object {
  const time = new Date(event.receivedAtMs).toISOString();
  if (event.type === 'malformed') {
    return { time, device: event.device, malformed: event.problem };
  }
  const { state, extra, ...fields } = event.status;
  const known = Object.entries(fields).map(([name, value]) => [snakeCase(name), value]);
  return {
    time,
    device: event.device,
    state,
    retained: event.retained,
    ...Object.fromEntries(known),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function openRecord(path: string) {
  const stream = createWriteStream(path, { flags: 'a' });
  const written = finished(stream).catch((cause: unknown) => {
    throw new OtaError('write-failed', `cannot write ${path}`, {
      cause,
      hint: 'Check the folder, its permissions and the free space.',
    });
  });
  written.catch(() => {}); // told by the race, or when the record is closed
  return {
    write: (text: string) => void stream.write(text),
    failed: [written],
    async close() {
      stream.end();
      await written;
    },
  };
}

function ended(signal: AbortSignal, durationMs: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = durationMs === undefined ? undefined : setTimeout(finish, durationMs);
    signal.addEventListener('abort', finish);
    if (signal.aborted) finish();
  });
}
