import { verify } from '../../workflows/verify.ts';
import { defineCommand } from '../command.ts';
import { renderFindings } from '../findings-view.ts';
import { line, writeJson } from '../io.ts';
import {
  absolute,
  jsonOption,
  manifestOption,
  optional,
  outputOption,
  verboseOption,
} from '../options.ts';
import { formatBytes } from '../render.ts';

export const verifyCommand = defineCommand({
  examples: [
    ['ota verify', 'check the files of every release'],
    ['ota verify --version 1.2.3', 'check one release'],
  ],
  options: (yargs) =>
    yargs.options({
      ...manifestOption,
      version: { type: 'string', describe: 'version id, or latest; default all' },
      ...outputOption,
      ...jsonOption,
      ...verboseOption,
    }),
  async run(args, io) {
    const result = await verify({
      manifestPath: absolute(io, args.manifest),
      ...optional('version', args.version),
      ...optional(
        'outputFolder',
        args.output === undefined ? undefined : absolute(io, args.output),
      ),
    });
    const ok = result.findings.every(({ level }) => level !== 'error');
    if (args.json) writeJson(io.stdout, { ok, ...result });
    else {
      for (const release of result.verified) {
        for (const { filename, size } of release.artifacts) {
          line(io.stdout, `ok: ${release.version} ${filename} (${formatBytes(size)})`);
        }
      }
      renderFindings(result.findings, io);
    }
    return ok ? 0 : 1;
  },
});
