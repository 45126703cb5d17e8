import { readFile } from 'node:fs/promises';
import { parseEnv } from 'node:util';
import { OtaError } from '../../core/errors.ts';
import type { Variables } from '../../core/release/placeholders.ts';
import type { Io } from '../io.ts';
import { absolute } from './options.ts';

/**
 * Values for `${NAME}`: the environment, and under it the file given by `--env-file`, as Node's own
 * `--env-file` ranks them.
 *
 * @throws OtaError `env-file-unreadable`
 */
export async function readVariables(io: Io, envFile: string | undefined): Promise<Variables> {
  if (envFile === undefined) return io.env;
  try {
    return { ...parseEnv(await readFile(absolute(io, envFile), 'utf8')), ...io.env };
  } catch (cause) {
    throw new OtaError('env-file-unreadable', `cannot read the env file ${envFile}`, {
      cause,
      hint: 'Give a file with one NAME=value a line.',
    });
  }
}
