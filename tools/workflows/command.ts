import type { AudienceRequest } from '../core/fleet/commands/audience.ts';
import type { CommandAction } from '../core/fleet/commands/command.ts';
import { parseTopicTemplate } from '../core/fleet/commands/topic-template.ts';
import { type CommandEvent, type CommandRun, runCommand } from '../messaging/command-run.ts';
import { type LoadedConfig, openConfiguredClient } from './deploy-config.ts';

export interface CommandOptions {
  readonly loaded: LoadedConfig;
  readonly action: CommandAction;
  readonly audience: AudienceRequest;
  readonly force: boolean;
  readonly version?: string;
  readonly wait: boolean;
  readonly acceptReported: boolean;
  /** Default: the configuration's timeout; four times that for what ends with a reboot. */
  readonly timeoutMs?: number;
  readonly now: () => number;
  readonly random: () => number;
  readonly signal: AbortSignal;
  notify(event: CommandEvent | { readonly type: 'lost' | 'back' }): void;
}

export interface CommandResult extends CommandRun {
  readonly commandId: string;
  readonly timeoutMs: number;
  /** Every device has ended, and well. */
  readonly ok: boolean;
}

/** An image takes longer than an answer. */
const rebootFactor = 4;
const discoverMs = 500;
/** The broker keeps our messages while a broken connection comes back. */
const sessionSeconds = 300;

/**
 * Sends a command and, when asked to, follows the devices to their ends.
 *
 * @throws OtaError for what goes wrong before the command is sent
 */
export async function commandFleet(options: CommandOptions): Promise<CommandResult> {
  const { loaded, action, random, signal, notify } = options;
  const { mqtt, devices, groups } = loaded.config;
  const commandTopic = parseTopicTemplate(mqtt.command_topic, ['device']);
  const statusTopic = parseTopicTemplate(mqtt.status_topic, ['device']);
  const factor = action === 'update' || action === 'rollback' ? rebootFactor : 1;
  const timeoutMs = options.timeoutMs ?? mqtt.timeout * 1000 * factor;
  const commandId = newCommandId(options);
  const client = await openConfiguredClient(loaded, {
    signal,
    random,
    sessionSeconds,
    notify: (type) => notify({ type }),
  });
  try {
    const run = await runCommand({
      client,
      commandTopic,
      statusTopic,
      qos: mqtt.qos,
      audience: options.audience,
      known: { devices, groups },
      expectation: {
        action,
        commandId,
        ...(options.version === undefined ? {} : { targetVersion: options.version }),
        force: options.force,
        acceptReported: options.acceptReported,
        timeoutMs,
      },
      wait: options.wait,
      discoverMs,
      now: options.now,
      signal,
      notify,
    });
    const ok = !options.wait || run.waits.every(({ outcome }) => outcome?.ok === true);
    return { ...run, commandId, timeoutMs, ok };
  } finally {
    await client.close();
  }
}

/** Unique enough to tell commands apart, and sortable by time. */
function newCommandId({ now, random }: CommandOptions): string {
  const chance = Math.floor(random() * 36 ** 6).toString(36);
  return `${now().toString(36)}-${chance.padStart(6, '0')}`;
}
