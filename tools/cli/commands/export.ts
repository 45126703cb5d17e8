import { relative } from 'node:path';
import { OtaError } from '../../core/errors.ts';
import { exportFormats } from '../../core/export/index.ts';
import { exportRelease } from '../../workflows/export.ts';
import { defineCommand } from '../command.ts';
import { line, writeJson } from '../io.ts';
import {
  absolute,
  jsonOption,
  readWorkspace,
  verboseOption,
  workspaceOptions,
} from '../options/options.ts';

const names = exportFormats.map(({ name }) => name);

export const exportCommand = defineCommand({
  examples: [
    ['ota export --format checksums --out public', 'the latest version with SHA256SUMS'],
    [
      'ota export --format version-json --out public --version 1.2.3',
      'firmware.bin and version.json for devices that poll',
    ],
  ],
  options: (yargs) =>
    yargs
      .options({
        ...workspaceOptions,
        format: { choices: names, demandOption: true, describe: 'what the clients understand' },
        out: {
          type: 'string',
          normalize: true,
          demandOption: true,
          describe: 'folder to write to; files of the same names are replaced',
        },
        version: { type: 'string', default: 'latest', describe: 'version id, or latest' },
        'force-update': {
          type: 'boolean',
          default: false,
          describe: 'version-json: tell devices to install in any case',
        },
        ...jsonOption,
        ...verboseOption,
      })
      .epilogue(exportFormats.map(({ name, summary }) => `${name}: ${summary}`).join('\n')),
  async run(args, io) {
    const format = exportFormats.find(({ name }) => name === args.format);
    if (format === undefined) throw new OtaError('usage', `there is no format ${args.format}`);
    if (args['force-update'] && format.name !== 'version-json') {
      throw new OtaError('usage', `${format.name} has no place for --force-update`, {
        hint: 'Only version-json tells devices to install in any case.',
      });
    }
    const { files, version } = await exportRelease({
      ...readWorkspace(args, io),
      version: args.version,
      format,
      folder: absolute(io, args.out),
      forceUpdate: args['force-update'],
      now: io.now(),
    });
    if (args.json) writeJson(io.stdout, { ok: true, version, format: format.name, files });
    else {
      line(io.stdout, `exported: version ${version} as ${format.name}`);
      for (const path of files) line(io.stdout, `  write ${relative(io.cwd, path)}`);
    }
    return 0;
  },
});
