import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { type ErrorCode, errorCodes } from '../core/error-codes.ts';
import { OtaError } from '../core/errors.ts';
import { didYouMeanSuffix } from '../core/schema.ts';
import { type AdminAct, type AdminArgs, adminActs } from './admin-acts.ts';

export interface AdminOptions {
  /** As typed: `['rollout', 'pause']`. */
  readonly words: readonly string[];
  readonly args: AdminArgs;
  readonly server: string;
  readonly key: string | undefined;
  readonly filePath: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Chooses the act for the words.
 *
 * @throws OtaError `usage` when there is none, or something that it needs is not given
 */
export function chooseAct(words: readonly string[], args: AdminArgs): AdminAct {
  const typed = words.join(' ');
  const act = adminActs.find((candidate) => candidate.words === typed);
  if (act === undefined) {
    const known = adminActs.map((candidate) => candidate.words);
    throw new OtaError('usage', `unknown act "${typed}"${didYouMeanSuffix(typed, known)}`, {
      hint: `There are: ${known.join(', ')}.`,
    });
  }
  const missing = act.needs.filter((name) => args[name] === undefined);
  if (missing.length === 0) return act;
  throw new OtaError(
    'usage',
    `ota admin ${typed} needs ${missing.map((name) => `--${name}`).join(', ')}`,
    {
      hint: '`ota admin --help` shows flags and examples.',
    },
  );
}

/**
 * Asks the service to act.
 *
 * @returns the act and the service's answer
 * @throws OtaError with the service's own code, `unauthorized`, `connection-refused`
 */
export async function admin(options: AdminOptions): Promise<{ act: AdminAct; answer: unknown }> {
  const act = chooseAct(options.words, options.args);
  const url = urlOf(options.server, act.path(options.args));
  const fields = definedOf(act.body?.(options.args) ?? {});
  const body = await bodyOf(act, fields, options.filePath);
  let response: Response;
  try {
    response = await fetch(url, {
      method: act.method,
      signal: options.signal,
      headers: {
        ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
        ...(typeof body === 'string' ? { 'content-type': 'application/json' } : {}),
      },
      ...(body === undefined ? {} : { body }),
    });
  } catch (cause) {
    if (options.signal.aborted) throw new OtaError('cancelled', 'stopped', { cause });
    throw new OtaError('connection-failed', `no answer from ${url.origin}`, {
      cause,
      hint: 'Is the service running there? Give its address with --server or OTA_SERVER.',
    });
  }
  const text = await response.text();
  const answer = parseAnswer(text);
  if (!response.ok) throw toError(response.status, answer, text);
  return { act, answer };
}

function urlOf(server: string, path: string): URL {
  if (URL.canParse(server) && /^https?:/.test(server)) return new URL(path, server);
  throw new OtaError('usage', `--server "${server}" is not an address`, {
    hint: 'Use something like https://ota.example.com.',
  });
}

async function bodyOf(
  act: AdminAct,
  fields: Record<string, unknown>,
  filePath: string | undefined,
): Promise<string | FormData | undefined> {
  if (act.body === undefined) return;
  if (act.form !== true) return JSON.stringify(fields);
  const form = new FormData();
  // Fields first, so that the service knows them when the file arrives.
  for (const [name, value] of Object.entries(fields)) form.append(name, String(value));
  form.append('file', await openFile(filePath ?? ''), basename(filePath ?? ''));
  return form;
}

function openFile(path: string): Promise<Blob> {
  return openAsBlob(path).catch((cause: unknown) => {
    throw new OtaError('binary-missing', `there is no file ${path}`, {
      cause,
      hint: 'Check --file.',
    });
  });
}

function definedOf(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return;
  }
}

/** A problem (RFC 9457) with one of our codes becomes that error again. */
function toError(status: number, answer: unknown, text: string): OtaError {
  const problem = (answer ?? {}) as {
    code?: string;
    detail?: unknown;
    hint?: string;
    errors?: string[];
  };
  const code =
    problem.code !== undefined && problem.code in errorCodes ? problem.code : 'http-status';
  const detail = typeof problem.detail === 'string' ? problem.detail : undefined;
  return new OtaError(
    code === 'internal' ? 'http-status' : (code as ErrorCode),
    detail ?? problem.errors?.join('; ') ?? `the server answered ${status}: ${text.slice(0, 200)}`,
    problem.hint === undefined ? {} : { hint: problem.hint },
  );
}
