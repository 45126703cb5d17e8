import { transports } from '../../transports/index.ts';
import { validate } from '../../workflows/validate.ts';
import { defineCommand } from '../command.ts';
import { line, writeJson } from '../io.ts';
import { jsonOption, readWorkspace, verboseOption, workspaceOptions } from '../options/options.ts';
import { renderFindings } from '../views/findings-view.ts';

export const validateCommand = defineCommand({
  examples: [
    ['ota validate', 'check ota/manifest.json and every release that it lists'],
    ['ota validate --manifest product/manifest.json --json', 'for a machine'],
  ],
  options: (yargs) => yargs.options({ ...workspaceOptions, ...jsonOption, ...verboseOption }),
  async run(args, io) {
    const result = await validate({
      ...readWorkspace(args, io),
      transports,
      now: io.now(),
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
