import { openAsBlob } from 'node:fs';
import { basename, resolve } from 'node:path';
import { type ErrorCode, errorCodes } from '../core/error-codes.ts';
import { OtaError } from '../core/errors.ts';
import { maskUrlText } from '../core/secrets.ts';
import { parsePublicKey, publicPem } from '../core/signing/key.ts';
import { readKeyText } from '../workspace/signing/key-file.ts';
import { readSignatureText } from '../workspace/signing/signature-files.ts';
import type { AdminAct, AdminArgs } from './admin/act.ts';
import { chooseAct } from './admin/choose.ts';

export interface AdminOptions {
  /** As typed: `['rollout', 'pause']`. */
  readonly words: readonly string[];
  readonly args: AdminArgs;
  readonly server: string;
  readonly key: string | undefined;
  /** Paths in `args` start here. */
  readonly cwd: string;
  readonly signal: AbortSignal;
}

/**
 * Asks the service to act.
 *
 * @returns the act and the service's answer
 * @throws OtaError `usage`; with the service's own code, `unauthorized`, `connection-failed`; about the files that flags name
 */
export async function admin(options: AdminOptions): Promise<{ act: AdminAct; answer: unknown }> {
  const act = chooseAct(options.words, options.args);
  const args = await readFiles(options.args, options.cwd);
  const url = urlOf(options.server, act.path(args));
  const fields = definedOf(act.body?.(args) ?? {});
  const body = await bodyOf(act, fields, args.file);
  const { status, ok, text } = await ask(url, options.signal, {
    method: act.method,
    headers: {
      ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
      ...(typeof body === 'string' ? { 'content-type': 'application/json' } : {}),
    },
    ...(body === undefined ? {} : { body }),
  });
  const answer = parseAnswer(text);
  if (!ok) throw toError(status, answer, text);
  return { act, answer };
}

/** One request and its whole answer. @throws OtaError `connection-failed`, `cancelled` */
async function ask(url: URL, signal: AbortSignal, request: RequestInit) {
  try {
    const response = await fetch(url, { ...request, signal });
    return { status: response.status, ok: response.ok, text: await response.text() };
  } catch (cause) {
    if (signal.aborted) throw new OtaError('cancelled', 'stopped', { cause });
    throw new OtaError('connection-failed', `no answer from ${url.origin}`, {
      cause,
      hint: 'Is the service running there? Give its address with --server or OTA_SERVER.',
    });
  }
}

function urlOf(server: string, path: string): URL {
  const shown = maskUrlText(server);
  const base = URL.canParse(server) && /^https?:/i.test(server) ? new URL(server) : undefined;
  if (base === undefined) {
    throw new OtaError('usage', `--server "${shown}" is not an address`, {
      hint: 'Use something like https://ota.example.com.',
    });
  }
  if (base.username !== '' || base.password !== '') {
    throw new OtaError('usage', `--server "${shown}" holds a user or password`, {
      hint: 'Give the address alone, and the key with --token or OTA_ADMIN_KEY.',
    });
  }
  // The service may stand below a prefix of a proxy.
  return new URL(`${base.pathname.replace(/\/+$/, '')}${path}`, base);
}

async function bodyOf(
  act: AdminAct,
  fields: Record<string, unknown>,
  file: unknown,
): Promise<string | FormData | undefined> {
  if (act.body === undefined) return;
  if (act.form !== true) return JSON.stringify(fields);
  const form = new FormData();
  // Fields first, so that the service knows them when the file arrives.
  for (const [name, value] of Object.entries(fields)) form.append(name, String(value));
  const path = String(file);
  form.append('file', await openFile(path), basename(path));
  return form;
}

/** The flags that name files, with what acts need of these: a path that is found from anywhere, texts of others. */
async function readFiles(args: AdminArgs, cwd: string): Promise<AdminArgs> {
  const { file, signature, 'public-key': keys } = args;
  const paths = Array.isArray(keys) ? keys.map((path) => resolve(cwd, String(path))) : undefined;
  return {
    ...args,
    file: file === undefined ? undefined : resolve(cwd, String(file)),
    signature:
      signature === undefined
        ? undefined
        : await readSignatureText(resolve(cwd, String(signature))),
    'public-key': paths && (await Promise.all(paths.map(readPublicKey))),
  };
}

/** Looked at here: a private key that somebody names by mistake goes nowhere. */
async function readPublicKey(path: string): Promise<string> {
  return publicPem(parsePublicKey(await readKeyText(path), path));
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
