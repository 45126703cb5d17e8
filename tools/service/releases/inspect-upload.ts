import { OtaError } from '../../core/errors.ts';
import { type FirmwareFile, type FirmwareKind, kindNames } from '../../core/image/firmware-file.ts';
import { parseImage } from '../../core/image/parse-image.ts';

/** What an uploaded image says of itself. */
export interface ImageFacts {
  readonly chip: string | undefined;
  /** As it stands in the app descriptor. */
  readonly version: string | undefined;
  readonly project: string | undefined;
  readonly elfSha256: string | undefined;
  readonly warnings: readonly string[];
}

/** Files that are known, and that no device can take as an update of its app. */
const refusedKinds: ReadonlySet<FirmwareKind> = new Set([
  'empty',
  'elf',
  'bootloader',
  'merged',
  'partition-table',
  'otadata',
]);

/**
 * Looks at the bytes of an upload. Files that no device can take over the air, and images that a bootloader would
 * refuse, are turned away; a file of an unknown kind is taken with a warning: the service also serves devices whose
 * images it does not know.
 *
 * @throws OtaError `upload-rejected`
 */
export function inspectUpload(bytes: Uint8Array): ImageFacts {
  const file = parseImage(bytes);
  if (refusedKinds.has(file.kind))
    throw rejected(`the file is ${kindNames[file.kind]}, not an app image`);
  const errors = flawsOf(file);
  if (errors.length > 0) throw rejected('the image is damaged', errors);
  const warnings = file.findings
    .filter(({ severity }) => severity === 'warning')
    .map(({ message }) => message);
  if (file.kind === 'app') {
    const { version, projectName, elfSha256, placeholder } = file.descriptor;
    return {
      chip: file.chip.name,
      // Arduino's precompiled core speaks of itself, not of the firmware.
      version: placeholder || version === '' ? undefined : version,
      project: placeholder ? undefined : projectName,
      elfSha256: placeholder ? undefined : elfSha256,
      warnings,
    };
  }
  const nothing = { version: undefined, project: undefined, elfSha256: undefined };
  if (file.kind === 'esp8266-v1' || file.kind === 'esp8266-v2')
    return { ...nothing, chip: 'esp8266', warnings };
  const doubt = `the file is ${kindNames[file.kind]}: version and chip were not checked`;
  return { ...nothing, chip: undefined, warnings: [doubt, ...warnings] };
}

/** What a bootloader would refuse. */
function flawsOf(file: FirmwareFile): string[] {
  const flaws = file.findings
    .filter(({ severity }) => severity === 'error')
    .map(({ message }) => message);
  if (file.kind !== 'app') return file.kind === 'unknown' ? [] : flaws;
  if (file.checksum.status === 'invalid') flaws.push('its checksum is wrong');
  if (file.hash.status === 'invalid') flaws.push('its appended SHA-256 is wrong');
  return flaws;
}

function rejected(message: string, details: readonly string[] = []): OtaError {
  return new OtaError('upload-rejected', message, {
    details,
    hint: 'Upload build/<project>.bin: the app image, not the merged or the ELF file.',
  });
}

/**
 * Version and build number as seed 004 reads them: `1.2.3+45`, `1.2.3 build 45`.
 */
export function parseImageVersion(text: string): { version: string; build: number | undefined } {
  const match = /^v?(\d+\.\d+\.\d+\S*?)(?:\+(\d+)|\s+build\s+(\d+))?$/i.exec(text.trim());
  if (match === null) return { version: text.trim().replace(/^v/, ''), build: undefined };
  const build = match[2] ?? match[3];
  return { version: match[1] ?? text, build: toBuild(build) };
}

/** The largest number that every database keeps in an integer. */
const largestBuild = 2_147_483_647;

function toBuild(digits: string | undefined): number | undefined {
  return digits === undefined || Number(digits) > largestBuild ? undefined : Number(digits);
}

/**
 * A build number that somebody declares in a form.
 *
 * @throws OtaError `request-invalid`
 */
export function parseBuild(text: string): number {
  const build = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (build <= largestBuild) return build;
  throw new OtaError('request-invalid', `build_number ${JSON.stringify(text)} is no build number`, {
    hint: `A whole number up to ${largestBuild}.`,
  });
}
