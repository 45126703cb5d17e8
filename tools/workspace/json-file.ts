import { readFile, stat } from 'node:fs/promises';
import type { ParseError } from 'jsonc-parser';
import type { ErrorCode } from '../core/error-codes.ts';
import { OtaError } from '../core/errors.ts';

/** A manifest larger than this is a mistake, or an attack. */
const largestBytes = 16 * 1024 * 1024;

/**
 * Reads a JSON file of any content.
 *
 * @param missingCode the code when there is no such file
 * @throws OtaError `missingCode`, `manifest-unreadable`, or `json-invalid` with line and column
 */
export async function readJsonFile(
  path: string,
  missingCode: ErrorCode,
  hint: string,
): Promise<unknown> {
  const text = await readText(path, missingCode, hint);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw await jsonInvalid(path, text, cause);
  }
}

async function readText(path: string, missingCode: ErrorCode, hint: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > largestBytes) {
      throw new OtaError(
        'manifest-unreadable',
        `${path} has ${size} bytes; no manifest is that large`,
      );
    }
    return (await readFile(path, 'utf8')).replace(/^\uFEFF/, '');
  } catch (cause) {
    if (cause instanceof OtaError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new OtaError(missingCode, `there is no file ${path}`, { cause, hint });
    }
    throw new OtaError('manifest-unreadable', `cannot read ${path} (${code})`, {
      cause,
      hint:
        code === 'EISDIR'
          ? 'Give the path of the file, not of its folder.'
          : 'Check the permissions.',
    });
  }
}

/** The error for a text that is not JSON, with the place of the first mistake. */
export async function jsonInvalid(path: string, text: string, cause: unknown): Promise<OtaError> {
  const { parse, printParseErrorCode } = await import('jsonc-parser');
  const errors: ParseError[] = [];
  parse(text, errors, { allowTrailingComma: false, disallowComments: true });
  const first = errors[0];
  const before = text.slice(0, first?.offset ?? text.length).split('\n');
  const place = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
  const what = first === undefined ? 'not JSON' : spaced(printParseErrorCode(first.error));
  return new OtaError('json-invalid', `${path} is not JSON: ${what} at ${place}`, {
    cause,
    hint: 'Correct the file there; commas between entries and after the last one are the usual cause.',
  });
}

/** `PropertyNameExpected` reads `property name expected`. */
function spaced(name: string): string {
  return name.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
}
