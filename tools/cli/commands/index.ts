import type { CommandEntry } from '../command.ts';

/** All verbs, in the order of `ota --help`. A command's file is loaded only when it runs. */
export const commands: readonly CommandEntry[] = [];
