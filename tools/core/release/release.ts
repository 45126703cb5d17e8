import releaseSchema from '../../../schemas/ota-release.schema.json' with { type: 'json' };
import { OtaError } from '../errors.ts';
import { withoutUndefined } from '../json.ts';
import { defineSchema, didYouMeanSuffix, type Problem } from '../schema.ts';
import { fileNameProblem } from '../version.ts';
import type { Settings } from './channel.ts';
import { manifestInvalid } from './manifest.ts';

/** `ota/versions/<version>/ota.json`, as it stands on disk (schemas/ota-release.schema.json). */
export interface Release {
  readonly version: string;
  readonly created_at?: string;
  /** Folder of the artifacts, relative to this file's folder. */
  readonly base_path?: string;
  /** What the app image says of itself. */
  readonly image?: ReleaseImage;
  /** The oldest version that may update to this one directly. */
  readonly min_version?: string;
  /** What is new, for people. */
  readonly notes?: string;
  readonly source?: ReleaseSource;
  readonly channels?: Overrides;
  readonly artifacts: readonly Artifact[];
  readonly signatures?: readonly ReleaseSignature[];
}

export interface Artifact {
  readonly name: string;
  readonly filename: string;
  readonly size: number;
  readonly sha256: string;
  readonly role?: ArtifactRole;
  /** Where it is flashed, in bytes from the start of the flash. */
  readonly offset?: number;
  readonly protocols?: readonly string[];
  readonly channels?: Overrides;
}

/** What an artifact is to the device; only an `app` is sent over the air. `merged` holds all the others. */
export type ArtifactRole = 'app' | 'bootloader' | 'partition-table' | 'otadata' | 'merged' | 'data';

/** The app image's own description (esp_app_desc_t and the image header). */
export interface ReleaseImage {
  /** As ESP-IDF names targets: `esp32c3`. */
  readonly chip?: string;
  readonly project?: string;
  readonly app_version?: string;
  readonly idf_version?: string;
  readonly secure_version?: number;
  /** The SHA-256 that is appended to the image, not that of the file. */
  readonly validation_hash?: string;
  readonly elf_sha256?: string;
}

/** The state of the sources that the release was built from. */
export interface ReleaseSource {
  /** Git commit, full hash. */
  readonly commit: string;
  /** Whether there were changes that were not committed. */
  readonly dirty: boolean;
}

/** One signature over the release (docs/signing.md says over which bytes). */
export interface ReleaseSignature {
  /** SHA-256 of the public key's SubjectPublicKeyInfo in DER. */
  readonly key_id: string;
  readonly algorithm: string;
  /** The signer's clock. For people: it is not covered by the signature, and nothing is decided by it. */
  readonly signed_at?: string;
  /** Base64. */
  readonly value: string;
}

/** Settings that differ from the root's, by transport. */
export type Overrides = Settings;

const checkSchema = defineSchema(releaseSchema);

/**
 * Parses a release manifest.
 *
 * @param expectedVersion the id under which the root manifest lists it
 * @throws OtaError `manifest-invalid` with all problems
 */
export function parseRelease(value: unknown, where: string, expectedVersion?: string): Release {
  const problems = checkSchema(value);
  if (problems.length === 0) problems.push(...ruleProblems(value as Release, expectedVersion));
  if (problems.length > 0) throw manifestInvalid(where, problems);
  return value as Release;
}

function ruleProblems(release: Release, expectedVersion: string | undefined): Problem[] {
  const problems: Problem[] = [];
  if (expectedVersion !== undefined && release.version !== expectedVersion) {
    problems.push({
      path: 'version',
      message: `is "${release.version}", but the root manifest lists this file as "${expectedVersion}"`,
    });
  }
  const seen = new Set<string>();
  release.artifacts.forEach(({ filename }, index) => {
    const path = `artifacts[${index}].filename`;
    const flaw = fileNameProblem(filename);
    if (flaw !== undefined) problems.push({ path, message: `${JSON.stringify(filename)} ${flaw}` });
    if (seen.has(filename)) problems.push({ path, message: `"${filename}" is listed twice` });
    seen.add(filename);
  });
  return problems;
}

/** Whether an artifact is sent over the air: the app is, and what has no role; a bootloader never. */
export function isUpdate({ role }: Artifact): boolean {
  return role === undefined || role === 'app';
}

/**
 * The artifacts whose name or file name is given, or all.
 *
 * @throws OtaError `artifact-unknown`
 */
export function chooseArtifacts(release: Release, wanted: string | undefined): readonly Artifact[] {
  if (wanted === undefined) return release.artifacts;
  const chosen = release.artifacts.filter(
    ({ name, filename }) => name === wanted || filename === wanted,
  );
  if (chosen.length > 0) return chosen;
  const known = release.artifacts.map(({ filename }) => filename);
  throw new OtaError(
    'artifact-unknown',
    `release ${release.version} has no artifact "${wanted}"${didYouMeanSuffix(wanted, known)}`,
    { hint: `It has ${known.join(', ')}.` },
  );
}

/** The order in which ota.json is written: version, created_at, the rest as it stood, artifacts, signatures. */
export function orderRelease(release: Release): Release {
  const { version, created_at, artifacts, signatures, ...rest } = release;
  return withoutUndefined({ version, created_at, ...rest, artifacts, signatures });
}
