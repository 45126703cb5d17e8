import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DeliveryFailure } from '../core/release/delivery.ts';
import { masked } from '../core/secrets.ts';
import type { ChannelCheck } from './channel-check.ts';

/** As they stand in a channel: paths of PEM files, or the PEM text itself. */
export interface TlsSettings {
  /** Authorities to trust instead of the system's. */
  readonly ca?: string;
  /** The client's certificate, and the private key that belongs to it. */
  readonly cert?: string;
  readonly key?: string;
}

/** PEM texts, checked. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/**
 * Notes what can be said about the settings without reading a file.
 *
 * @param needsTls what to say when they stand beside a URL without TLS; nothing when it has TLS
 */
export function checkTlsSettings(
  check: ChannelCheck,
  settings: TlsSettings,
  needsTls: string | undefined,
): void {
  for (const name of ['cert', 'key'] as const) {
    const other = name === 'cert' ? 'key' : 'cert';
    if (settings[name] !== undefined && settings[other] === undefined) {
      check.add(name, `"${other}" must be given with it`);
    }
  }
  const given = (['ca', 'cert', 'key'] as const).filter((name) => settings[name] !== undefined);
  if (needsTls !== undefined && given.length > 0) check.add(given.join(', '), needsTls);
}

/** The settings fit to be shown: paths as they are, PEM text not at all. */
export function showTlsSettings(settings: TlsSettings): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const name of ['ca', 'cert', 'key'] as const) {
    const value = settings[name];
    if (value === undefined) continue;
    shown[name] = !isPem(value) ? value : name === 'key' ? masked : '(PEM text)';
  }
  return shown;
}

/**
 * Reads and checks the files, so that a wrong one is named before a connection is tried.
 *
 * @param cwd where relative paths start
 * @throws DeliveryFailure `tls-file-unreadable`
 */
export async function readTlsFiles(settings: TlsSettings, cwd: string): Promise<TlsFiles> {
  const files: { ca?: string; cert?: string; key?: string } = {};
  for (const name of ['ca', 'cert', 'key'] as const) {
    const value = settings[name];
    if (value !== undefined) files[name] = await readPem(name, value, cwd);
  }
  if (files.ca !== undefined) checkCertificates('ca', settings.ca, files.ca);
  if (files.cert !== undefined) checkCertificates('cert', settings.cert, files.cert);
  if (files.cert !== undefined && files.key !== undefined)
    checkPair(settings, files.cert, files.key);
  return files;
}

function isPem(value: string): boolean {
  return value.includes('-----BEGIN ');
}

async function readPem(name: string, value: string, cwd: string): Promise<string> {
  if (isPem(value)) return value;
  try {
    return await readFile(resolve(cwd, value), 'utf8');
  } catch (cause) {
    throw unreadable(
      `the ${name} file ${value} cannot be read (${(cause as NodeJS.ErrnoException).code})`,
      cause,
    );
  }
}

/** RFC 7468 §5: every certificate of a PEM text, in its order. */
const pemCertificate = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

function checkCertificates(name: string, setting: string | undefined, pem: string): void {
  const blocks = pem.match(pemCertificate) ?? [];
  const what = `the ${name} ${nameOf(setting)}`;
  if (blocks.length === 0) throw unreadable(`${what} holds no PEM certificate`);
  for (const block of blocks) {
    try {
      new X509Certificate(block);
    } catch (cause) {
      throw unreadable(`${what} holds a certificate that cannot be parsed`, cause);
    }
  }
}

function checkPair(settings: TlsSettings, cert: string, key: string): void {
  const what = `the key ${nameOf(settings.key)}`;
  let privateKey: ReturnType<typeof createPrivateKey>;
  try {
    privateKey = createPrivateKey(key);
  } catch (cause) {
    throw unreadable(`${what} is not a PEM private key without passphrase`, cause);
  }
  if (!new X509Certificate(cert).checkPrivateKey(privateKey)) {
    throw unreadable(`${what} does not belong to the cert ${nameOf(settings.cert)}`);
  }
}

function nameOf(setting: string | undefined): string {
  return setting === undefined || isPem(setting) ? '(PEM text)' : `file ${setting}`;
}

function unreadable(message: string, cause?: unknown): DeliveryFailure {
  return new DeliveryFailure('tls-file-unreadable', message, {
    hint: 'The settings `ca`, `cert` and `key` take a PEM file, or its text; relative paths start at the folder of the manifest.',
    retryable: false,
    ...(cause === undefined ? {} : { cause }),
  });
}
