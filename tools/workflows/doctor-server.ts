import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import {
  checkFirmwareAnswer,
  checkRangeAnswer,
  failed,
  type HealthCheck,
  ok,
} from '../core/fleet/check.ts';
import { parseVersionFile, type VersionFile } from '../core/fleet/version-file.ts';
import { createGetter, type Getter } from '../transports/https/get.ts';
import { toNetworkFailure } from '../transports/network-failure.ts';
import { readTlsFiles } from '../transports/tls-files.ts';
import type { DoctorOptions } from './doctor.ts';
import { checkCertificate, fromError } from './doctor-checks.ts';

type Add = (...found: readonly HealthCheck[]) => void;

/** More than any ESP chip has flash for. */
const largestBytes = 128 * 1024 * 1024;

/** Looks at the update server as a device would: version.json, the firmware, a part of it. */
export async function checkUpdateServer(options: DoctorOptions, add: Add): Promise<void> {
  const { server } = options.loaded.config;
  const base = server.base_url.includes('://') ? server.base_url : `http://${server.base_url}`;
  if (!URL.canParse(base) || new URL(base).hostname === 'your-nas-ip') {
    add({
      name: 'update server',
      status: 'warning',
      message: 'not looked at: server.base_url names no host',
      remedy: 'Set server.base_url to the URL of the folder with version.json.',
    });
    return;
  }
  const url = new URL(base);
  if (url.protocol === 'https:') {
    const port = url.port === '' ? 443 : Number(url.port);
    add(await checkCertificate('server certificate', { host: url.hostname, port }, options.now()));
  }
  const { ca } = await readTlsFiles(
    server.ca === undefined ? {} : { ca: server.ca },
    options.loaded.folder,
  );
  const getter = await createGetter({
    ...(ca === undefined ? {} : { ca }),
    verify: server.verify_ssl,
    largestBytes,
  });
  try {
    await examineFiles(options, base.replace(/\/+$/, ''), getter, add);
  } finally {
    await getter.close();
  }
}

async function examineFiles(
  options: DoctorOptions,
  base: string,
  getter: Getter,
  add: Add,
): Promise<void> {
  const { server } = options.loaded.config;
  const versionUrl = `${base}/${posix.basename(server.version_path)}`;
  let file: VersionFile;
  try {
    const answer = await getter.get(versionUrl, options.signal);
    if (answer.status !== 200) {
      add(
        failed(
          'version.json',
          `${versionUrl} answers with ${answer.status}`,
          'Run `ota publish`, or correct server.base_url.',
        ),
      );
      return;
    }
    file = parseVersionFile(answer.body.toString(), versionUrl);
    add(ok('version.json', `${file.version} at ${versionUrl}`));
  } catch (error) {
    add(fromError('version.json', asNetworkFailure(error, versionUrl)));
    return;
  }
  const firmwareUrl = `${base}/${file.file ?? posix.basename(server.firmware_path)}`;
  try {
    const answer = await getter.get(firmwareUrl, options.signal);
    if (answer.status !== 200) {
      add(failed('firmware', `${firmwareUrl} answers with ${answer.status}`, 'Run `ota publish`.'));
      return;
    }
    add(checkAgainst(file, answer.body));
    add(...checkFirmwareAnswer(answer, answer.body.length));
    const last = Math.min(answer.body.length, 1024) - 1;
    const first = Math.min(16, last);
    const range = await getter.get(firmwareUrl, options.signal, `bytes=${first}-${last}`);
    add(checkRangeAnswer(range, range.body, answer.body.subarray(first, last + 1)));
  } catch (error) {
    add(fromError('firmware', asNetworkFailure(error, firmwareUrl)));
  }
}

/** version.json and the firmware must tell of the same bytes. */
function checkAgainst(file: VersionFile, body: Buffer): HealthCheck {
  const name = 'firmware';
  const remedy = 'Run `ota publish`: it writes both, in the right order.';
  if (file.size === undefined || file.sha256 === undefined) {
    const message = 'version.json says neither size nor sha256: devices cannot check what they got';
    return { name, status: 'warning', message, remedy };
  }
  if (file.size !== body.length) {
    return failed(name, `has ${body.length} bytes, version.json says ${file.size}`, remedy);
  }
  const sha256 = createHash('sha256').update(body).digest('hex');
  return sha256 === file.sha256.toLowerCase()
    ? ok(name, `${body.length} bytes, SHA-256 as version.json says`)
    : failed(name, `has SHA-256 ${sha256}, version.json says ${file.sha256}`, remedy);
}

function asNetworkFailure(error: unknown, url: string): unknown {
  return toNetworkFailure(error, new URL(url).host);
}
