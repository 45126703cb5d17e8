import { pushedKinds } from '../../workflows/simulation/simulate-devices.ts';
import { defineCommand } from '../command.ts';
import { jsonOption, verboseOption } from '../options/options.ts';
import { runSimulatedFleet, simulatedFleetOptions } from '../simulate/fleet.ts';
import { pollingOptions, runPollingDevices } from '../simulate/polling.ts';
import { runSimulatedDevices, simulatedDeviceOptions } from '../simulate/pushed.ts';

export const simulateCommand = defineCommand({
  examples: [
    [
      'ota simulate esphome --count 3 --port-base 13232',
      'three devices that take `ota push`, until Ctrl-C',
    ],
    [
      'ota simulate fleet --count 20 --profile fleet.json',
      'devices that take `ota command`, until Ctrl-C',
    ],
    [
      'ota simulate devices --count 200 --url http://127.0.0.1:8080',
      'devices that ask `ota serve` for updates',
    ],
  ],
  options: (yargs) =>
    yargs
      .positional('what', {
        choices: [...pushedKinds, 'fleet', 'devices'] as const,
        demandOption: true,
      })
      .options({
        count: { type: 'number', describe: 'how many devices; default 1, of a fleet 10' },
        ...simulatedDeviceOptions,
        ...simulatedFleetOptions,
        ...pollingOptions,
        json: {
          ...jsonOption.json,
          describe: 'pushed devices as a batch for `ota push`; of others how it ended',
        },
        ...verboseOption,
      }),
  run(args, io) {
    if (args.what === 'fleet') return runSimulatedFleet(args, io);
    if (args.what === 'devices') return runPollingDevices(args, io);
    return runSimulatedDevices(args.what, args, io);
  },
});
