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
