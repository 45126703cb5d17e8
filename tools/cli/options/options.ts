import { resolve } from 'node:path';
import { OtaError } from '../../core/errors.ts';
import type { Io } from '../io.ts';

/** Flags that several commands share, as yargs wants them. */
export const manifestOption = {
  manifest: {
    type: 'string',
    default: 'ota/manifest.json',
    normalize: true,
    describe: 'root manifest of the product',
  },
} as const;

/** For every command that reads or writes releases. */
export const workspaceOptions = {
  ...manifestOption,
  output: {
    type: 'string',
    normalize: true,
    describe: 'folder of the releases, when it is not versions/ beside the manifest',
  },
} as const;

/** Where the flags of `workspaceOptions` lead, as absolute paths. */
export function readWorkspace(
  args: { readonly manifest: string; readonly output: string | undefined },
  io: Io,
): { manifestPath: string; outputFolder?: string } {
  return {
    manifestPath: absolute(io, args.manifest),
    ...optional('outputFolder', absoluteOrNone(io, args.output)),
  };
}

export const setOption = {
  set: {
    type: 'string',
    array: true,
    nargs: 1,
    default: [] as string[],
    describe: 'a channel setting: transport.key=value (repeatable)',
  },
} as const;

export const jsonOption = {
  json: { type: 'boolean', default: false, describe: 'print the result as JSON' },
} as const;

export const verboseOption = {
  verbose: { type: 'boolean', default: false, describe: 'say more, causes of errors included' },
} as const;

/** A path as typed, made absolute. */
export function absolute(io: Io, path: string): string {
  return resolve(io.cwd, path);
}

/** A path as typed, made absolute, when it was typed at all. */
export function absoluteOrNone(io: Io, path: string | undefined): string | undefined {
  return path === undefined ? undefined : absolute(io, path);
}

/** The entry of an options object for a value that may be absent. */
export function optional<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { [K in Key]?: Value } {
  return (value === undefined ? {} : { [key]: value }) as { [K in Key]?: Value };
}

/**
 * Refuses a number that is not one, or out of range.
 *
 * @throws OtaError `usage`
 */
export function numberBetween(
  name: string,
  value: number,
  lowest: number,
  highest: number,
): number {
  if (Number.isFinite(value) && value >= lowest && value <= highest) return value;
  throw new OtaError('usage', `--${name} takes a number from ${lowest} to ${highest}`, {
    hint: `Leave --${name} out for its default.`,
  });
}

/**
 * The same for numbers that are counted.
 *
 * @throws OtaError `usage`
 */
export function wholeNumberBetween(
  name: string,
  value: number,
  lowest: number,
  highest: number,
): number {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return value;
  throw new OtaError('usage', `--${name} takes a whole number from ${lowest} to ${highest}`, {
    hint: `Leave --${name} out for its default.`,
  });
}

/** `--protocols mqtt,https` and `--protocols mqtt --protocols https` both work. */
export function splitList(values: readonly string[] | undefined): string[] | undefined {
  return values
    ?.flatMap((value) => value.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
