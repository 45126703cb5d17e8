import yargs from 'yargs';
import packageJson from '../../package.json' with { type: 'json' };
import { errorToJson, exitCodeOf, OtaError } from '../core/errors.ts';
import { didYouMeanSuffix } from '../core/schema.ts';
import type { CommandEntry } from './command.ts';
import { commands } from './commands/index.ts';
import { type Io, line, writeJson } from './io.ts';
import { renderError } from './render.ts';

/**
 * Runs one command line and returns its exit status: 0 done, 1 it did not work, 2 asked wrongly,
 * 70 a bug, 130 cancelled. The only place that prints an error.
 *
 * @param argv the words after `ota`
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(argv, io);
  } catch (error) {
    if (argv.includes('--json')) writeJson(io.stdout, { ok: false, error: errorToJson(error) });
    line(io.stderr, renderError(error, { stack: argv.includes('--verbose') }));
    return exitCodeOf(error);
  }
}

async function dispatch(argv: readonly string[], io: Io): Promise<number> {
  if (argv[0] === '--version') {
    line(io.stdout, packageJson.version);
    return 0;
  }
  let exitCode = 0;
  const parser = yargs()
    .scriptName('ota')
    .usage('$0 <command>\n\nTakes ESP firmware from a build to devices in the field, safely.')
    .wrap(Math.min(io.stdout.columns, 100))
    .locale('en')
    .strict()
    .recommendCommands()
    .demandCommand(1, 'Which command? `ota --help` lists them.')
    .version(false) // `--version` is the release that package and deploy are about
    .alias({ h: 'help' })
    .completion('completion', 'print a script that completes commands and flags in bash or zsh')
    .epilogue('`ota <command> --help` shows flags and examples.')
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message, error) => {
      throw error ?? usageError(message, argv);
    });

  for (const entry of commands) {
    parser.command(
      entry.usage,
      entry.summary,
      async (command) => {
        const { options, examples } = await entry.load();
        return options(command).example(examples.map(([left, right]) => [left, right]));
      },
      async (args) => {
        const command = await entry.load();
        exitCode = await command.run(args as never, io);
      },
    );
  }

  let printed = '';
  await parser.parseAsync([...argv], {}, (_error: unknown, _argv: unknown, output: string) => {
    printed = output;
  });
  if (printed !== '') line(io.stdout, printed);
  return exitCode;
}

function usageError(message: string, argv: readonly string[]): OtaError {
  const name = argv.find((word) => !word.startsWith('-'));
  const known = commands.map(nameOf);
  const unknown = name !== undefined && !known.includes(name);
  return unknown
    ? new OtaError('usage', `unknown command "${name}"${didYouMeanSuffix(name, known)}`, {
        hint: '`ota --help` lists the commands.',
      })
    : new OtaError('usage', message, {
        hint: `\`ota ${name === undefined ? '' : `${name} `}--help\` shows flags and examples.`,
      });
}

function nameOf(entry: CommandEntry): string {
  return entry.usage.split(' ')[0] ?? entry.usage;
}
