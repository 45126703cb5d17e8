import { cancelledError, OtaError } from '../core/errors.ts';
import {
  type AudienceRequest,
  chooseDevices,
  type KnownDevices,
} from '../core/fleet/commands/audience.ts';
import { formatCommand } from '../core/fleet/commands/command.ts';
import type { TopicTemplate } from '../core/fleet/commands/topic-template.ts';
import type { DeviceWait, Expectation } from '../core/fleet/commands/wait.ts';
import type { WaitEvent } from '../core/fleet/commands/wait-list.ts';
import type { BrokerClient } from '../transports/mqtt/connection/client.ts';
import { bySystem, type Sleep } from '../transports/sleep.ts';
import { createLedger, type Ledger } from './command-ledger.ts';
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
  /** Sleeps by the clock of `now`; rejects when the signal is aborted. Default: the real one. */
  readonly sleep?: Sleep;
  readonly signal: AbortSignal;
  notify(event: CommandEvent): void;
}

export interface CommandRun {
  readonly waits: readonly DeviceWait[];
  readonly malformed: number;
  /** What the reader of the outcomes must know. */
  readonly warnings: readonly string[];
  readonly cancelled: boolean;
}

/**
 * Sends one command to its devices, and follows them to their end when asked to. Listens before it speaks, so that no
 * answer is missed.
 *
 * @throws OtaError when nobody is meant, or the broker refuses; never because of what a device does
 */
export async function runCommand(options: CommandRunOptions): Promise<CommandRun> {
  const { commandTopic, audience, known, signal } = options;
  const perDevice = commandTopic.names.includes('device');
  if (!perDevice) refuseChoice(audience, commandTopic.text);
  const ledger = ledgerFor(options, perDevice);
  if (options.wait || (perDevice && audience.all)) await listen(options, ledger);
  if (signal.aborted) throw cancelledError();
  const devices = perDevice ? chooseDevices(audience, known, ledger.heard()) : known.devices;
  const topics = perDevice
    ? devices.map((device) => commandTopic.expand({ device }))
    : [commandTopic.expand({})];
  ledger.start(devices);
  await publish(options, topics);
  options.notify({ type: 'sent', devices: perDevice ? devices : topics });
  if (options.wait) await ledger.finished(signal);
  return {
    waits: ledger.waits(),
    malformed: ledger.malformed(),
    warnings: ledger.warnings(),
    cancelled: signal.aborted,
  };
}

function ledgerFor(options: CommandRunOptions, perDevice: boolean): Ledger {
  const { expectation, known, statusTopic, now, notify, sleep = bySystem } = options;
  return createLedger({
    expectation,
    // Where all share one topic and none is listed, whoever answers is taken in.
    open: !perDevice && known.devices.length === 0,
    statusTopic: statusTopic.text,
    now,
    sleep,
    notify,
  });
}

async function listen(options: CommandRunOptions, ledger: Ledger): Promise<void> {
  const { client, statusTopic, now, sleep = bySystem, discoverMs, signal } = options;
  await followStatus({ client, topic: statusTopic, now, handle: ledger.handle });
  const count = ledger.heardCount;
  for (let round = 0, before = -1; round < mostQuietWaits && before !== count(); round += 1) {
    before = count();
    await sleep(discoverMs, signal).catch(() => {});
  }
}

async function publish(options: CommandRunOptions, topics: readonly string[]): Promise<void> {
  const { client, qos, expectation } = options;
  const { action, force, commandId, targetVersion } = expectation;
  const version = targetVersion === undefined ? {} : { version: targetVersion };
  const command = formatCommand({ action, force, commandId, ...version });
  await Promise.all(topics.map((topic) => client.publish(topic, command, { qos })));
}

/** One topic for all reaches all. */
function refuseChoice({ devices, groups }: AudienceRequest, topic: string): void {
  if (devices.length + groups.length === 0) return;
  throw new OtaError('usage', `a command on ${topic} reaches every device`, {
    hint: 'Leave --device and --group out, or give devices their own topics: "command_topic": "fleet/{device}/ota/command".',
  });
}

/** Devices that talk all the time must not keep the command back for ever. */
const mostQuietWaits = 20;
