import { transports } from '../../transports/index.ts';
import { validate } from '../../workflows/validate.ts';
import { defineCommand } from '../command.ts';
import { line, writeJson } from '../io.ts';
import {
  absolute,
  absoluteOrNone,
  jsonOption,
  manifestOption,
  optional,
  outputOption,
  verboseOption,
} from '../options/options.ts';
import { renderFindings } from '../views/findings-view.ts';

export const validateCommand = defineCommand({
  examples: [
    ['ota validate', 'check ota/manifest.json and every release that it lists'],
    ['ota validate --manifest product/manifest.json --json', 'for a machine'],
  ],
  options: (yargs) =>
    yargs.options({ ...manifestOption, ...outputOption, ...jsonOption, ...verboseOption }),
  async run(args, io) {
    const result = await validate({
      manifestPath: absolute(io, args.manifest),
      transports,
      now: io.now(),
      ...optional('outputFolder', absoluteOrNone(io, args.output)),
    });
    const ok = result.findings.every(({ level }) => level !== 'error');
    if (args.json) writeJson(io.stdout, { ok, ...result });
    else {
      const errors = renderFindings(result.findings, io);
      const count = `${result.versions} ${result.versions === 1 ? 'version' : 'versions'}`;
      line(
        io.stdout,
        ok ? `valid: ${result.product ?? ''}, ${count}` : `not valid: ${errors} found`,
      );
    }
    return ok ? 0 : 2;
  },
});
