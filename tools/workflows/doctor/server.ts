import { posix } from 'node:path';
import { cancelledError } from '../../core/errors.ts';
import { failed, ok, warning } from '../../core/health/check.ts';
import { checkFirmwareAnswer, checkRangeAnswer } from '../../core/health/firmware-answer.ts';
import { checkAlias, checkFirmware, checkOffered } from '../../core/health/published-firmware.ts';
import { parseVersionFile, type VersionFile } from '../../core/publishing/version-file.ts';
import type { ArtifactFacts } from '../../core/release/delivery.ts';
import { maskUrlCredentials } from '../../core/secrets.ts';
import {
  createGetter,
  type GetOptions,
  type Getter,
  type GotFile,
} from '../../transports/https/get.ts';
import { toNetworkFailure } from '../../transports/network-failure.ts';
import { readTlsFiles } from '../../transports/tls-files.ts';
import { checkCertificates } from './certificate.ts';
import type { DoctorOptions } from './doctor.ts';
import { type Add, fromError } from './report.ts';

/** More than any ESP chip has flash for. */
const largestBytes = 128 * 1024 * 1024;

/** Looks at the update server as a device would: version.json, the firmware, a part of it. */
export async function examineUpdateServer(
  options: DoctorOptions,
  images: readonly ArtifactFacts[],
  add: Add,
): Promise<void> {
  const { server } = options.loaded.config;
  const base = server.base_url.includes('://') ? server.base_url : `http://${server.base_url}`;
  if (!URL.canParse(base) || new URL(base).hostname === 'your-nas-ip') {
    const message = 'not looked at: server.base_url names no host';
    const remedy = 'Set server.base_url to the URL of the folder with version.json.';
    add(warning('update server', message, remedy));
    return;
  }
  try {
    const tls = await readServerTls(options);
    await examineCertificates(options, new URL(base), tls, add);
    const getter = await createGetter({ ...tls, verify: server.verify_ssl, largestBytes });
    try {
      await examineFiles({ options, base: base.replace(/\/+$/, ''), getter, add }, images);
    } finally {
      await getter.close();
    }
  } catch (error) {
    add(fromError('update server', error));
  }
}

async function readServerTls({ loaded }: DoctorOptions) {
  const { ca } = loaded.config.server;
  return await readTlsFiles(ca === undefined ? {} : { ca }, loaded.folder);
}

async function examineCertificates(
  { now, signal }: DoctorOptions,
  url: URL,
  tls: { readonly ca?: string },
  add: Add,
): Promise<void> {
  if (url.protocol !== 'https:') return;
  const port = url.port === '' ? 443 : Number(url.port);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  add(await checkCertificates('server certificate', { host, port, tls, now: now(), signal }));
}

interface Look {
  readonly options: DoctorOptions;
  readonly base: string;
  readonly getter: Getter;
  readonly add: Add;
}

async function examineFiles(look: Look, images: readonly ArtifactFacts[]): Promise<void> {
  const { options, base, add } = look;
  const { server } = options.loaded.config;
  const file = await examineVersionFile(look, `${base}/${posix.basename(server.version_path)}`);
  if (file === undefined) return;
  const alias = posix.basename(server.firmware_path);
  const named = file.file ?? alias;
  const answer = await fetchFile(look, 'firmware', `${base}/${named}`);
  if (answer === undefined) return;
  add(checkFirmware(file, answer.body));
  if (named !== alias) {
    const other = await fetchFile(look, alias, `${base}/${alias}`);
    if (other !== undefined) add(checkAlias(alias, other.body, answer.body));
  }
  const forGzip = await request(look, 'firmware', `${base}/${named}`, { headersForGzip: true });
  add(...checkFirmwareAnswer(answer, answer.body.length, forGzip));
  await examineRange(look, `${base}/${named}`, answer);
  const offered = checkOffered(images, file, answer.body);
  if (offered !== undefined) add(offered);
}

async function examineVersionFile(look: Look, url: string): Promise<VersionFile | undefined> {
  const name = 'version.json';
  const answer = await fetchFile(look, name, url);
  if (answer === undefined) return;
  try {
    const file = parseVersionFile(answer.body.toString(), maskUrlCredentials(url));
    look.add(ok(name, `${file.version} at ${maskUrlCredentials(url)}`));
    return file;
  } catch (error) {
    look.add(fromError(name, error));
    return;
  }
}

async function examineRange(look: Look, url: string, whole: GotFile): Promise<void> {
  const last = Math.min(whole.body.length, 1024) - 1;
  const first = Math.min(16, last);
  if (last < 0) return;
  const part = await request(look, 'Range', url, { range: `bytes=${first}-${last}` });
  if (part === undefined) return;
  const asked = { first, last, bytes: whole.body, etag: whole.headers.etag };
  look.add(checkRangeAnswer(part, part.body, asked));
}

async function fetchFile(look: Look, name: string, url: string): Promise<GotFile | undefined> {
  const answer = await request(look, name, url);
  if (answer === undefined || answer.status === 200) return answer;
  const remedy = 'Run `ota publish`, or correct server.base_url.';
  look.add(failed(name, `${maskUrlCredentials(url)} answers with ${answer.status}`, remedy));
  return;
}

async function request(
  { getter, options, add }: Look,
  name: string,
  url: string,
  how?: GetOptions,
): Promise<GotFile | undefined> {
  try {
    return await getter.get(url, options.signal, how);
  } catch (error) {
    if (options.signal.aborted) throw cancelledError();
    add(fromError(name, toNetworkFailure(error, new URL(url).host)));
    return;
  }
}
