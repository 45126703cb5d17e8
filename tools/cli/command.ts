import type { Argv } from 'yargs';
import type { Io } from './io.ts';

/** A command's behaviour: its flags, and what it does with them. One file each in `commands/`. */
export interface Command<Args = never> {
  /** `[command line, what it does]`, shown under `--help`; every one is run by a test. */
  readonly examples: readonly (readonly [string, string])[];
  options(yargs: Argv): Argv<Args>;
  /** Returns the exit status. Throws `OtaError` for failures that end the command. */
  run(args: Args, io: Io): Promise<number>;
}

/** What the list of commands knows before a command is loaded. */
export interface CommandEntry {
  /** As yargs wants it: the name, then positional arguments. */
  readonly usage: string;
  readonly summary: string;
  load(): Promise<Command>;
}

/** Gives the types of a command without a class. */
export function defineCommand<Args>(command: Command<Args>): Command {
  return command as unknown as Command;
}
