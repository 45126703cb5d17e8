import { inspect } from '../../workflows/inspect.ts';
import { defineCommand } from '../command.ts';
import { inspectionToJson } from '../inspect/json.ts';
import { renderInspection } from '../inspect/view.ts';
import { line, writeJson } from '../io.ts';
import { absolute, jsonOption, verboseOption } from '../options/options.ts';

export const inspectCommand = defineCommand({
  examples: [
    ['ota inspect build/gateway.bin', 'say what a file is, and whether a device would take it'],
    ['ota inspect build', 'a whole build, and where it contradicts itself'],
    ['ota inspect build/gateway.bin --json', 'the same for programs'],
  ],
  options: (yargs) =>
    yargs
      .positional('path', {
        type: 'string',
        demandOption: true,
        normalize: true,
        describe: 'a firmware file, or the folder of an ESP-IDF build',
      })
      .options({ ...jsonOption, ...verboseOption }),
  async run(args, io) {
    const inspection = await inspect(absolute(io, args.path));
    if (args.json) writeJson(io.stdout, inspectionToJson(inspection));
    else line(io.stdout, renderInspection(inspection, args.path));
    return inspection.problems.length === 0 ? 0 : 1;
  },
});
