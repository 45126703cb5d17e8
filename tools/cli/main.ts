import yargs, { type Argv } from 'yargs';
import packageJson from '../../package.json' with { type: 'json' };
import { errorToJson, exitCodeOf, OtaError } from '../core/errors.ts';
import { didYouMeanSuffix } from '../core/schema.ts';
import type { CommandEntry } from './command.ts';
import { commands } from './commands/index.ts';
import { type Io, line, writeJsonLine } from './io.ts';
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
    if (argv.includes('--json')) writeJsonLine(io.stdout, { ok: false, error: errorToJson(error) });
    line(io.stderr, renderError(error, { stack: argv.includes('--verbose') }));
    return exitCodeOf(error);
  }
}

async function dispatch(argv: readonly string[], io: Io): Promise<number> {
  const [first, ...rest] = argv;
  if (first === '--version') {
    line(io.stdout, packageJson.version);
    return 0;
  }
  const entry = commands.find((candidate) => nameOf(candidate) === first);
  if (entry === undefined) {
    await print(overviewParser(io), argv, io);
    return 0;
  }
  let exitCode = 0;
  const { options, examples, run } = await entry.load();
  // As its own program: yargs then neither registers the other commands nor prepares their help.
  const parser = commonParser(io, entry)
    .usage(`$0 ${entry.usage.slice(nameOf(entry).length)}\n\n${entry.summary}`)
    .command(
      entry.usage.replace(nameOf(entry), '$0'),
      false,
      (command) => options(command).example(examples.map(([left, right]) => [left, right])),
      async (args) => {
        exitCode = await run(args as never, io);
      },
    );
  await print(parser, rest, io);
  return exitCode;
}

/** Knows every command by name: for `ota --help`, for completion, and to refuse the rest. */
function overviewParser(io: Io): Argv {
  const parser = commonParser(io)
    .usage('$0 <command>\n\nTakes ESP firmware from a build to devices in the field, safely.')
    .option('version', { type: 'boolean', describe: 'Show version number' })
    .demandCommand(1, 'Which command? `ota --help` lists them.')
    .completion('completion', 'print a script that completes commands and flags in bash or zsh')
    .epilogue('`ota <command> --help` shows flags and examples.');
  for (const { usage, summary, load } of commands) {
    parser.command(usage, summary, async (command) => (await load()).options(command));
  }
  return parser;
}

function commonParser(io: Io, entry?: CommandEntry): Argv {
  const name = entry && nameOf(entry);
  return yargs()
    .scriptName(name === undefined ? 'ota' : `ota ${name}`)
    .wrap(Math.min(io.stdout.columns, 100))
    .locale('en')
    .strict()
    .parserConfiguration({ 'camel-case-expansion': false }) // an unknown flag would be named twice
    .version(false) // `--version` is the release that package and deploy are about
    .alias({ h: 'help' })
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message, error?: Error) => {
      // A flag whose value is missing comes as an error of the parser's own.
      if (error === undefined || error.name === 'YError')
        throw usageError(message ?? error?.message, entry);
      throw error;
    });
}

async function print(parser: Argv, argv: readonly string[], io: Io): Promise<void> {
  let printed = '';
  await parser.parseAsync([...argv], {}, (_error: unknown, _argv: unknown, output: string) => {
    printed = output;
  });
  if (printed !== '') line(io.stdout, printed);
}

function usageError(message: string, entry: CommandEntry | undefined): OtaError {
  const name = entry && nameOf(entry);
  const unknown = /^Unknown (?:argument|command)s?: (.+)$/.exec(message)?.[1];
  if (name === undefined && unknown !== undefined) {
    const suffix = didYouMeanSuffix(unknown, commands.map(nameOf));
    return new OtaError('usage', `unknown command "${unknown}"${suffix}`, {
      hint: '`ota --help` lists the commands.',
    });
  }
  const incomplete = entry !== undefined && message.startsWith('Not enough non-option');
  return new OtaError('usage', incomplete ? `a word is missing: ota ${entry.usage}` : message, {
    hint: `\`ota ${name === undefined ? '' : `${name} `}--help\` shows flags and examples.`,
  });
}

function nameOf(entry: CommandEntry): string {
  return entry.usage.split(' ')[0] ?? entry.usage;
}
