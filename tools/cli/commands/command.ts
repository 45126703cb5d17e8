import { OtaError } from '../../core/errors.ts';
import { commandActions } from '../../core/fleet/commands/command.ts';
import { commandFleet } from '../../workflows/command.ts';
import { defineCommand } from '../command.ts';
import { line, writeJson } from '../io.ts';
import { audienceOptions, fleetOptions, readFleetConfig } from '../options/fleet-options.ts';
import {
  jsonOption,
  numberBetween,
  optional,
  splitList,
  verboseOption,
} from '../options/options.ts';
import { commandResultJson, renderCommandResult, sayCommandEvent } from '../views/fleet-view.ts';

export const commandCommand = defineCommand({
  examples: [
    ['ota command check --all', 'ask the devices whether there is an update for them'],
    ['ota command update --device dev-0001 --version 1.2.3 --wait', 'update one, and see it run'],
    ['ota command update --all --wait --json', 'update the fleet; the exit status tells'],
  ],
  options: (yargs) =>
    yargs
      .positional('action', {
        choices: commandActions,
        demandOption: true,
        describe: 'what the devices are told to do',
      })
      .options({
        ...fleetOptions,
        ...audienceOptions,
        force: { type: 'boolean', default: false, describe: 'update: install what is not newer' },
        version: { type: 'string', describe: 'the version that must run in the end' },
        wait: {
          type: 'boolean',
          describe: 'follow each device to its end (default for check and status)',
        },
        timeout: { type: 'number', describe: 'seconds without progress after which to give up' },
        'accept-reported': {
          type: 'boolean',
          default: false,
          describe: 'take the word "success" for it, without a reboot into the new version',
        },
        ...jsonOption,
        ...verboseOption,
      }),
  async run(args, io) {
    if (args.force && args.action !== 'update') {
      throw new OtaError('usage', `--force has no meaning for ${args.action}`, {
        hint: 'Only `ota command update` takes it.',
      });
    }
    const timeoutS =
      args.timeout === undefined
        ? undefined
        : numberBetween('timeout', args.timeout, 0.001, 86_400);
    const wait = args.wait ?? (args.action === 'check' || args.action === 'status');
    const result = await commandFleet({
      loaded: await readFleetConfig(io, args),
      action: args.action,
      audience: {
        devices: splitList(args.device) ?? [],
        groups: splitList(args.group) ?? [],
        all: args.all,
      },
      force: args.force,
      ...optional('version', args.version),
      wait,
      acceptReported: args['accept-reported'],
      ...optional('timeoutMs', timeoutS === undefined ? undefined : timeoutS * 1000),
      now: () => io.now().getTime(),
      random: io.random,
      signal: io.signal,
      notify: (event) => sayCommandEvent(io, event),
    });
    if (args.json) writeJson(io.stdout, commandResultJson(args.action, result));
    else if (wait) line(io.stdout, renderCommandResult(result));
    else line(io.stdout, `sent: ${args.action} (command id ${result.commandId})`);
    if (result.cancelled) return 130;
    return result.ok ? 0 : 1;
  },
});
