import { parseAssignments } from '../../core/release/assignment.ts';
import {
  defaultConfigName,
  type LoadedConfig,
  loadDeployConfig,
} from '../../workflows/deploy-config.ts';
import type { Io } from '../io.ts';
import { readVariables } from './env-file.ts';
import { absolute } from './options.ts';

/** Flags of every command that talks to a fleet. */
export const fleetOptions = {
  config: {
    type: 'string',
    normalize: true,
    describe: `deploy configuration (default: ${defaultConfigName})`,
  },
  set: {
    type: 'string',
    array: true,
    nargs: 1,
    default: [] as string[],
    describe: 'a setting over the configuration: mqtt.broker=host (repeatable)',
  },
  'env-file': { type: 'string', normalize: true, describe: 'file with values for ${NAME}' },
} as const;

export const audienceOptions = {
  device: {
    type: 'string',
    array: true,
    default: [] as string[],
    describe: 'a device, where the command topic holds {device} (repeatable)',
  },
  group: {
    type: 'string',
    array: true,
    default: [] as string[],
    describe: 'a group of the configuration (repeatable)',
  },
  all: {
    type: 'boolean',
    default: false,
    describe: 'every device that the configuration or the broker knows',
  },
} as const;

/** Reads the configuration that the flags name. */
export async function readFleetConfig(
  io: Io,
  args: { config: string | undefined; set: readonly string[]; 'env-file': string | undefined },
): Promise<LoadedConfig> {
  return await loadDeployConfig({
    path: absolute(io, args.config ?? defaultConfigName),
    required: args.config !== undefined,
    overrides: parseAssignments(args.set),
    variables: await readVariables(io, args['env-file']),
  });
}
