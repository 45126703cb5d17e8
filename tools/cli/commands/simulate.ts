import { pushedKinds } from '../../workflows/simulate-devices.ts';
import { defineCommand } from '../command.ts';
import { jsonOption, verboseOption } from '../options.ts';
import { runSimulatedDevices, simulatedDeviceOptions } from '../simulate-devices.ts';

export const simulateCommand = defineCommand({
  examples: [
    [
      'ota simulate esphome --count 3 --port-base 13232',
      'three devices that take `ota push`, until Ctrl-C',
    ],
  ],
  options: (yargs) =>
    yargs.positional('what', { choices: pushedKinds, demandOption: true }).options({
      count: { type: 'number', default: 1, describe: 'how many devices' },
      ...simulatedDeviceOptions,
      json: { ...jsonOption.json, describe: 'print them as a batch file for `ota push`' },
      ...verboseOption,
    }),
  run: (args, io) => runSimulatedDevices(args.what, args, io),
});
