import { setTimeout as sleep } from 'node:timers/promises';
import { OtaError } from '../core/errors.ts';
import { type AudienceRequest, chooseDevices, type KnownDevices } from '../core/fleet/audience.ts';
import { formatCommand } from '../core/fleet/command.ts';
import type { StatusEvent } from '../core/fleet/status-event.ts';
import type { TopicTemplate } from '../core/fleet/topic-template.ts';
import type { DeviceWait, Expectation, SeenStatus } from '../core/fleet/wait.ts';
import { createWaitList, type WaitEvent, type WaitList } from '../core/fleet/wait-list.ts';
import type { BrokerClient } from '../transports/mqtt/client.ts';
import { followStatus } from './status-feed.ts';

export type CommandEvent =
  | { readonly type: 'sent'; readonly devices: readonly string[] }
  | WaitEvent;

export interface CommandRunOptions {
  readonly client: BrokerClient;
  readonly commandTopic: TopicTemplate;
  readonly statusTopic: TopicTemplate;
  readonly qos: 0 | 1 | 2;
  readonly audience: AudienceRequest;
  readonly known: KnownDevices;
  readonly expectation: Omit<Expectation, 'sentAtMs'> & { readonly commandId: string };
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

/** What comes before the command is sent, and what comes after. */
function createLedger(options: CommandRunOptions): Ledger {
  const { now, signal, statusTopic } = options;
  const early = new Map<string, SeenStatus>();
  // Where all share one topic and none is listed, whoever answers is taken in.
  const open = !options.commandTopic.names.includes('device') && options.known.devices.length === 0;
  const anybody = statusTopic.text;
  let waits: WaitList | undefined;
  let malformed = 0;
  let heardCount = 0;
  let wake = () => {};

  const handle = (event: StatusEvent): void => {
    heardCount += 1;
    if (event.type === 'malformed') malformed += 1;
    else if (waits === undefined) early.set(event.device, event);
    else {
      if (open && !waits.has(event.device)) {
        waits.leave(anybody);
        waits.join(event.device, early.get(event.device));
      }
      waits.observe(event.device, event);
      if (waits.allEnded) wake();
    }
  };
  return {
    handle,
    heard: () => [...early.keys()].sort(),
    heardCount: () => heardCount,
    start(devices) {
      waits = createWaitList({ ...options.expectation, sentAtMs: now() }, options.notify);
      for (const device of open ? [anybody] : devices) waits.join(device, early.get(device));
    },
    async finished() {
      const list = waits;
      if (list === undefined || list.allEnded || signal.aborted) return;
      const done = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const timer = setInterval(() => {
        list.expire(now());
        if (list.allEnded) wake();
      }, tickMs);
      signal.addEventListener('abort', wake, { once: true });
      await done;
      clearInterval(timer);
      signal.removeEventListener('abort', wake);
    },
    waits: () => waits?.list() ?? [],
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
