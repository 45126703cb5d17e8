import { setTimeout as sleep } from 'node:timers/promises';
import { OtaError } from '../core/errors.ts';
import { type AudienceRequest, chooseDevices, type KnownDevices } from '../core/fleet/audience.ts';
import { formatCommand } from '../core/fleet/command.ts';
import type { TopicTemplate } from '../core/fleet/topic-template.ts';
import {
  type DeviceWait,
  type Expectation,
  expireWait,
  observeStatus,
  startDeviceWait,
} from '../core/fleet/wait.ts';
import type { BrokerClient } from '../transports/mqtt/client.ts';
import { followStatus, type StatusEvent } from './status-feed.ts';

export type CommandEvent =
  | { readonly type: 'sent'; readonly devices: readonly string[] }
  | { readonly type: 'moved'; readonly wait: DeviceWait }
  | { readonly type: 'ended'; readonly wait: DeviceWait };

export interface CommandRunOptions {
  readonly client: BrokerClient;
  readonly commandTopic: TopicTemplate;
  readonly statusTopic: TopicTemplate;
  readonly qos: 0 | 1 | 2;
  readonly audience: AudienceRequest;
  readonly known: KnownDevices;
  readonly expectation: Omit<Expectation, 'sentAtMs'>;
  /** Follow the devices until each has ended. */
  readonly wait: boolean;
  /** Retained states are listened for, before the command goes out, until none has come for so long. */
  readonly discoverMs: number;
  readonly now: () => number;
  readonly signal: AbortSignal;
  notify(event: CommandEvent): void;
}

export interface CommandRun {
  readonly waits: readonly DeviceWait[];
  readonly malformed: number;
  readonly cancelled: boolean;
}

/**
 * Sends one command to its devices, and follows them to their end when asked to. Listens before it speaks, so that no
 * answer is missed.
 *
 * @throws OtaError when nobody is meant, or the broker refuses; never because of what a device does
 */
export async function runCommand(options: CommandRunOptions): Promise<CommandRun> {
  const { client, commandTopic, now, signal } = options;
  const ledger = createLedger(options);
  const perDevice = commandTopic.names.includes('device');
  if (!perDevice) refuseChoice(options.audience, commandTopic.text);
  if (options.wait || (perDevice && options.audience.all)) {
    await followStatus({ client, topic: options.statusTopic, now, handle: ledger.handle });
    await untilQuiet(options.discoverMs, ledger.heardCount, signal);
  }
  const devices = perDevice
    ? chooseDevices(options.audience, options.known, ledger.heard())
    : options.known.devices;
  const topics = perDevice
    ? devices.map((device) => commandTopic.expand({ device }))
    : [commandTopic.expand({})];
  const { action, force, commandId, targetVersion } = options.expectation;
  const command = formatCommand({
    action,
    force,
    commandId,
    ...(targetVersion === undefined ? {} : { version: targetVersion }),
  });
  ledger.start(devices);
  await Promise.all(topics.map((topic) => client.publish(topic, command, { qos: options.qos })));
  options.notify({ type: 'sent', devices: perDevice ? devices : topics });
  if (options.wait) await ledger.finished();
  return { waits: ledger.waits(), malformed: ledger.malformed(), cancelled: signal.aborted };
}

/** One topic for all reaches all. */
function refuseChoice({ devices, groups }: AudienceRequest, topic: string): void {
  if (devices.length + groups.length === 0) return;
  throw new OtaError('usage', `a command on ${topic} reaches every device`, {
    hint: 'Leave --device and --group out, or give devices their own topics: "command_topic": "fleet/{device}/ota/command".',
  });
}

interface Ledger {
  handle(event: StatusEvent): void;
  /** Devices that have left a state at the broker. */
  heard(): string[];
  heardCount(): number;
  /** From here on, messages may answer the command. */
  start(devices: readonly string[]): void;
  finished(): Promise<void>;
  waits(): DeviceWait[];
  malformed(): number;
}

/** Who is waited for, and how far each is. */
function createLedger(options: CommandRunOptions): Ledger {
  const { now, notify, signal, statusTopic } = options;
  const early = new Map<string, StatusEvent & { type: 'status' }>();
  const waits = new Map<string, DeviceWait>();
  let expectation: Expectation | undefined;
  // Where all share one topic and none is listed, whoever answers is taken in.
  const open = !options.commandTopic.names.includes('device') && options.known.devices.length === 0;
  let malformed = 0;
  let heardCount = 0;
  let timer: NodeJS.Timeout | undefined;
  let wake = () => {};

  const put = (wait: DeviceWait) => {
    const before = waits.get(wait.device);
    waits.set(wait.device, wait);
    if (wait.outcome !== undefined && before?.outcome === undefined)
      notify({ type: 'ended', wait });
    else if (wait.mark !== before?.mark) notify({ type: 'moved', wait });
  };
  const observe = (event: StatusEvent & { type: 'status' }) => {
    if (expectation === undefined) return;
    if (!waits.has(event.device)) {
      if (!open) return;
      waits.delete(anybody);
      join(event.device, expectation);
    }
    const wait = waits.get(event.device);
    if (wait !== undefined) put(observeStatus(wait, event, expectation));
  };
  /** Begins to wait; what was heard before is old news, also when it was not kept by the broker. */
  const join = (device: string, expected: Expectation) => {
    const event = early.get(device);
    const wait = startDeviceWait(device, expected);
    waits.set(
      device,
      event === undefined ? wait : observeStatus(wait, { ...event, retained: true }, expected),
    );
  };
  const allEnded = () => [...waits.values()].every(({ outcome }) => outcome !== undefined);
  const expire = () => {
    if (expectation === undefined) return;
    for (const wait of waits.values()) {
      const expired = expireWait(wait, now(), expectation);
      if (expired !== wait) put(expired);
    }
  };
  const anybody = statusTopic.text;

  return {
    handle(event) {
      heardCount += 1;
      if (event.type === 'malformed') {
        malformed += 1;
        return;
      }
      if (expectation === undefined) {
        early.set(event.device, event);
        return;
      }
      observe(event);
      if (allEnded()) wake();
    },
    heard: () => [...early.keys()].sort(),
    heardCount: () => heardCount,
    start(devices) {
      expectation = { ...options.expectation, sentAtMs: now() };
      for (const device of open ? [anybody] : devices) join(device, expectation);
    },
    async finished() {
      const done = new Promise<void>((resolve) => {
        wake = resolve;
      });
      signal.addEventListener('abort', wake, { once: true });
      timer = setInterval(() => {
        expire();
        if (allEnded()) wake();
      }, tickMs);
      if (!allEnded() && !signal.aborted) await done;
      clearInterval(timer);
      signal.removeEventListener('abort', wake);
    },
    waits: () => [...waits.values()],
    malformed: () => malformed,
  };
}

/** How exactly a timeout is kept. */
const tickMs = 50;

/** Devices that talk all the time must not keep the command back for ever. */
const mostQuietWaits = 20;

async function untilQuiet(ms: number, count: () => number, signal: AbortSignal): Promise<void> {
  for (let round = 0, before = -1; round < mostQuietWaits && before !== count(); round += 1) {
    before = count();
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  }
}
