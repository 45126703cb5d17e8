import { relative } from 'node:path';
import { OtaError } from '../../core/errors.ts';
import { type PruneResult, prune } from '../../workflows/packaging/prune.ts';
import { defineCommand } from '../command.ts';
import { type Io, line, writeJson } from '../io.ts';
import { jsonOption, readWorkspace, verboseOption, workspaceOptions } from '../options/options.ts';
import { formatBytes } from '../render.ts';

export const pruneCommand = defineCommand({
  examples: [
    ['ota prune --keep 5 --dry-run', 'show what would go'],
    ['ota prune --keep 5', 'remove all but the five newest versions'],
  ],
  options: (yargs) =>
    yargs.options({
      ...workspaceOptions,
      keep: {
        type: 'number',
        demandOption: true,
        describe: 'how many versions stay; the latest always does',
      },
      'dry-run': { type: 'boolean', default: false, describe: 'show the plan, touch nothing' },
      ...jsonOption,
      ...verboseOption,
    }),
  async run(args, io) {
    if (!Number.isInteger(args.keep) || args.keep < 1) {
      throw new OtaError('usage', '--keep takes a whole number from 1', {
        hint: 'The newest version is never removed.',
      });
    }
    const dryRun = args['dry-run'];
    const result = await prune({
      ...readWorkspace(args, io),
      keep: args.keep,
      dryRun,
      now: io.now(),
    });
    if (args.json) writeJson(io.stdout, { ok: true, dry_run: dryRun, ...result });
    else render(result, dryRun, io);
    return 0;
  },
});

function render({ removed, kept, leftovers }: PruneResult, dryRun: boolean, io: Io): void {
  const say = (words: string): void => line(io.stdout, `${dryRun ? '[dry-run] ' : ''}${words}`);
  for (const { version, files, size } of removed) {
    const count = `${files.length} ${files.length === 1 ? 'file' : 'files'}`;
    say(
      `${dryRun ? 'would remove' : 'removed'} version ${version} (${count}, ${formatBytes(size)})`,
    );
    for (const path of files) say(`  ${relative(io.cwd, path)}`);
  }
  for (const path of leftovers) {
    say(
      `${dryRun ? 'would remove' : 'removed'} what a killed process left: ${relative(io.cwd, path)}`,
    );
  }
  say(`${dryRun ? 'would keep' : 'kept'} ${kept.join(', ') || 'nothing: there are no versions'}`);
}
