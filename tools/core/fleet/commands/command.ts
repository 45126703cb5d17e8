import commandSchema from '../../../../schemas/ota-command.schema.json' with { type: 'json' };
import { defineSchema, formatProblem } from '../../schema.ts';

export const commandActions = ['check', 'update', 'rollback', 'status'] as const;

export type CommandAction = (typeof commandActions)[number];

/** What a device is told to do. */
export interface Command {
  readonly action: CommandAction;
  /** Install even what is not newer. Only `update` has it. */
  readonly force: boolean;
  /** The device repeats it in the status messages that answer this command. */
  readonly commandId?: string;
  /** The version that is meant. */
  readonly version?: string;
}

const checkSchema = defineSchema(commandSchema);

/**
 * The command as it stands on the wire (schemas/ota-command.schema.json). Firmware of the seed reads `action` and
 * `force` and passes over the rest.
 */
export function formatCommand(command: Command): string {
  return JSON.stringify({
    action: command.action,
    ...(command.action === 'update' ? { force: command.force } : {}),
    ...(command.commandId === undefined ? {} : { command_id: command.commandId }),
    ...(command.version === undefined ? {} : { version: command.version }),
  });
}

/** Reads a command as a device does. A text is what is wrong with it. */
export function parseCommand(payload: Uint8Array): Command | string {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload).toString());
  } catch {
    return 'is not JSON';
  }
  const problems = checkSchema(value);
  if (problems.length > 0) return problems.map(formatProblem).join('; ');
  const { action, force, command_id, version } = value as {
    action: CommandAction;
    force?: boolean;
    command_id?: string;
    version?: string;
  };
  return {
    action,
    force: force === true,
    ...(command_id === undefined ? {} : { commandId: command_id }),
    ...(version === undefined ? {} : { version }),
  };
}
