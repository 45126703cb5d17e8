import { createHash } from 'node:crypto';
import { displayText } from '../display-text.ts';
import { parseAppDescriptor } from '../image/esp/app-descriptor.ts';
import type { VersionFile } from '../publishing/version-file.ts';
import type { ArtifactFacts } from '../release/delivery.ts';
import { failed, type HealthCheck, ok, warning } from './check.ts';

const republish = 'Run `ota publish`: it writes all files, in the right order.';

/** version.json and the firmware must tell of the same bytes. */
export function checkFirmware(file: VersionFile, bytes: Uint8Array): HealthCheck {
  const name = 'firmware';
  if (file.size !== undefined && file.size !== bytes.length) {
    return failed(name, `has ${bytes.length} bytes, version.json says ${file.size}`, republish);
  }
  const sha256 = sha256Of(bytes);
  if (file.sha256 !== undefined && sha256 !== file.sha256.toLowerCase()) {
    return failed(name, `has SHA-256 ${sha256}, version.json says ${file.sha256}`, republish);
  }
  if (file.size === undefined || file.sha256 === undefined) {
    const missing = file.sha256 === undefined ? 'no sha256' : 'no size';
    return warning(
      name,
      `${bytes.length} bytes; version.json says ${missing}: devices cannot check what they got`,
      republish,
    );
  }
  const said = parseAppDescriptor(bytes);
  if (said !== undefined && !said.placeholder && said.version !== file.version) {
    return warning(
      name,
      `the image calls itself ${displayText(said.version)}, version.json says ${file.version}: devices report the first`,
      'Build the image with the version that it is published under.',
    );
  }
  return ok(name, `${bytes.length} bytes, SHA-256 as version.json says`);
}

/** Devices of the seed ask for `firmware.bin`: it must be the file that version.json names. */
export function checkAlias(name: string, alias: Uint8Array, named: Uint8Array): HealthCheck {
  if (Buffer.from(alias).equals(Buffer.from(named))) return ok(name, 'the same bytes');
  return failed(name, 'is not the file that version.json names', republish);
}

/** Whether the server offers a release, when it says it does. */
export function checkOffered(
  images: readonly ArtifactFacts[],
  file: VersionFile,
  bytes: Uint8Array,
): HealthCheck | undefined {
  const name = 'published release';
  const [image] = images;
  if (image === undefined) return;
  if (image.version !== file.version) {
    return ok(name, `${image.version} is not offered; the server offers ${file.version}`);
  }
  const sha256 = sha256Of(bytes);
  if (images.some((one) => one.sha256 === sha256)) return ok(name, `the server offers it`);
  const message = `the server has other bytes under ${file.version} than the release`;
  return failed(name, message, `Run \`ota publish --version ${file.version}\`.`);
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
