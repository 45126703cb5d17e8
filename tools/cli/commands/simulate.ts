import { pushedKinds } from '../../workflows/simulate-devices.ts';
import { defineCommand } from '../command.ts';
import { jsonOption, verboseOption } from '../options.ts';
import { runSimulatedFleet, simulatedFleetOptions } from '../simulate/fleet.ts';
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
  ],
  options: (yargs) =>
    yargs
      .positional('what', { choices: [...pushedKinds, 'fleet'] as const, demandOption: true })
      .options({
        count: { type: 'number', describe: 'how many devices; default 1, of a fleet 10' },
        ...simulatedDeviceOptions,
        ...simulatedFleetOptions,
        json: { ...jsonOption.json, describe: 'print pushed devices as a batch for `ota push`' },
        ...verboseOption,
      }),
  run: (args, io) =>
    args.what === 'fleet' ? runSimulatedFleet(args, io) : runSimulatedDevices(args.what, args, io),
});
