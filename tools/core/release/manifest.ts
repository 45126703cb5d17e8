import manifestSchema from '../../../schemas/ota-manifest.schema.json' with { type: 'json' };
import { OtaError } from '../errors.ts';
import { defineSchema, didYouMeanSuffix, formatProblem, type Problem } from '../schema.ts';
import { latestVersion, versionIdProblem } from '../version.ts';
import type { Settings } from './channel.ts';

/** `ota/manifest.json`, as it stands on disk (schemas/ota-manifest.schema.json). */
export interface RootManifest {
  readonly schema_version: 1;
  readonly product: Product;
  readonly deployment?: {
    readonly default_protocols?: readonly string[];
    readonly channels?: Readonly<Record<string, Settings>>;
  };
  readonly versions: readonly VersionEntry[];
}

export interface Product {
  readonly name: string;
  readonly hardware?: string | readonly string[];
  readonly description?: string;
  readonly maintainer?: string;
  /** The project name that images must carry. */
  readonly project?: string;
  /** Whether images must carry a Secure Boot signature. */
  readonly secure_boot?: boolean;
  /** How strict `ota package` is about each of its checks. */
  readonly checks?: Readonly<Record<string, CheckLevel>>;
  readonly signing?: SigningPolicy;
}

export type CheckLevel = 'error' | 'warning' | 'off';

/** Who may sign releases, and how many of them must. */
export interface SigningPolicy {
  /** Whether a release without enough signatures is refused. Default no. */
  readonly required?: boolean;
  /** How many different keys must have signed. Default 1. */
  readonly threshold?: number;
  readonly keys: readonly TrustedKeyEntry[];
}

/** A public key that is trusted; either its text or its file is given. */
export interface TrustedKeyEntry {
  /** SHA-256 of the SubjectPublicKeyInfo in DER, as `ota keygen` prints it: pins what stands in a file. */
  readonly id: string;
  /** Who holds it, for people. */
  readonly name?: string;
  /** PEM. */
  readonly public_key?: string;
  /** A PEM file, relative to the root manifest's folder. */
  readonly path?: string;
  /** From when, and until when, its signatures count. */
  readonly not_before?: string;
  readonly not_after?: string;
}

export interface VersionEntry {
  readonly id: string;
  readonly label?: string;
  /** Path of the release manifest, relative to the root manifest's folder, with `/`. */
  readonly manifest: string;
}

/** Seed 001: what is used when a manifest says nothing. */
const defaultProtocols = ['mqtt', 'https'] as const;

const checkSchema = defineSchema(manifestSchema);

/**
 * Parses a root manifest: its schema first, then the rules that a schema cannot say.
 *
 * @param where the file's path, for messages
 * @throws OtaError `manifest-invalid` with all problems
 */
export function parseManifest(value: unknown, where: string): RootManifest {
  const problems = checkSchema(value);
  if (problems.length === 0) problems.push(...ruleProblems(value as RootManifest));
  if (problems.length > 0) throw manifestInvalid(where, problems);
  return value as RootManifest;
}

/** The error for a manifest of either kind. */
export function manifestInvalid(where: string, problems: readonly Problem[]): OtaError {
  return new OtaError('manifest-invalid', `${where} is not a valid manifest`, {
    details: problems.map(formatProblem),
    hint: 'Correct the file; `ota validate` checks it again.',
  });
}

function ruleProblems(manifest: RootManifest): Problem[] {
  const problems: Problem[] = [];
  const firstIndex = new Map<string, number>();
  manifest.versions.forEach(({ id }, index) => {
    const path = `versions[${index}].id`;
    const flaw = versionIdProblem(id);
    if (flaw !== undefined) problems.push({ path, message: `${JSON.stringify(id)} ${flaw}` });
    const earlier = firstIndex.get(id);
    if (earlier === undefined) firstIndex.set(id, index);
    else problems.push({ path, message: `"${id}" is already used by versions[${earlier}]` });
  });
  problems.push(...signingProblems(manifest.product.signing));
  return problems;
}

function signingProblems(signing: SigningPolicy | undefined): Problem[] {
  if (signing === undefined) return [];
  const problems: Problem[] = [];
  const ids = signing.keys.map(({ id }) => id);
  signing.keys.forEach((key, index) => {
    const path = `product.signing.keys[${index}]`;
    if (ids.indexOf(key.id) < index) {
      problems.push({ path, message: `the key ${key.id} is listed twice` });
    }
    if ((key.public_key === undefined) === (key.path === undefined)) {
      problems.push({ path, message: 'must have either "public_key" or "path"' });
    }
    const notBefore = Date.parse(key.not_before ?? '0000-01-01T00:00:00Z');
    const notAfter = Date.parse(key.not_after ?? '9999-12-31T00:00:00Z');
    // Also when a date does not exist, such as the 45th of January: the comparison with NaN is false.
    if (!(notBefore < notAfter)) {
      problems.push({ path, message: 'must have a not_before that is earlier than its not_after' });
    }
  });
  if ((signing.threshold ?? 1) > ids.length) {
    problems.push({
      path: 'product.signing.threshold',
      message: `is ${signing.threshold}, but only ${ids.length} keys are trusted`,
    });
  }
  return problems;
}

/** The chip or board names of a product, as a list. */
export function hardwareOf(product: Product): readonly string[] {
  return [product.hardware ?? []].flat();
}

/** The protocols of an artifact that names none. */
export function defaultProtocolsOf(manifest: RootManifest): readonly string[] {
  return manifest.deployment?.default_protocols ?? defaultProtocols;
}

/**
 * Finds the entry of a version; `latest` is the newest stable one.
 *
 * @throws OtaError `version-unknown`
 */
export function chooseVersion(
  manifest: RootManifest,
  version: string,
  where: string,
): VersionEntry {
  const ids = manifest.versions.map(({ id }) => id);
  const wanted = version === 'latest' && !ids.includes('latest') ? latestVersion(ids) : version;
  const entry = manifest.versions.find(({ id }) => id === wanted);
  if (entry !== undefined) return entry;
  throw new OtaError(
    'version-unknown',
    `${where} has no version "${version}"${didYouMeanSuffix(version, ids)}`,
    {
      hint:
        ids.length === 0
          ? 'The manifest lists no versions yet: run `ota package --update-manifest` first.'
          : `It has ${ids.slice(-8).join(', ')}. \`ota package --update-manifest\` adds one.`,
    },
  );
}
