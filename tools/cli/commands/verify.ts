import { shortKeyId } from '../../core/signing/key.ts';
import { verify } from '../../workflows/signing/verify.ts';
import { defineCommand } from '../command.ts';
import { line, writeJson } from '../io.ts';
import {
  jsonOption,
  optional,
  readWorkspace,
  verboseOption,
  workspaceOptions,
} from '../options/options.ts';
import { formatBytes } from '../render.ts';
import { renderFindings } from '../views/findings-view.ts';

export const verifyCommand = defineCommand({
  examples: [
    ['ota verify', 'check the files of every release'],
    ['ota verify --version 1.2.3', 'check one release'],
  ],
  options: (yargs) =>
    yargs.options({
      ...workspaceOptions,
      version: { type: 'string', describe: 'version id, or latest; default all' },
      ...jsonOption,
      ...verboseOption,
    }),
  async run(args, io) {
    const result = await verify({
      ...readWorkspace(args, io),
      now: io.now(),
      ...optional('version', args.version),
    });
    const ok = result.findings.every(({ level }) => level !== 'error');
    if (args.json) writeJson(io.stdout, { ok, ...result });
    else {
      for (const { version, artifacts, signed_by: keys } of result.verified) {
        const signed = keys.length === 0 ? '' : `, signed by ${keys.map(shortKeyId).join(', ')}`;
        for (const { filename, size } of artifacts) {
          line(io.stdout, `ok: ${version} ${filename} (${formatBytes(size)})${signed}`);
        }
      }
      renderFindings(result.findings, io);
    }
    return ok ? 0 : 1;
  },
});
