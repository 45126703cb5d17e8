import versionSchema from '../../../schemas/ota-version.schema.json' with { type: 'json' };
import { OtaError } from '../errors.ts';
import { defineSchema, formatProblem } from '../schema.ts';

/** `version.json`, as devices and people read it (schemas/ota-version.schema.json; seeds-behaviour.md, M4). */
export interface VersionFile {
  readonly version: string;
  /** UTC, such as `2026-01-31T12:00:00Z`. */
  readonly build_date?: string;
  readonly description?: string;
  /** Devices that run something older must take another step first. */
  readonly min_version?: string;
  readonly force_update?: boolean;
  /** Bytes of the firmware. */
  readonly size?: number;
  /** Lowercase hex. */
  readonly sha256?: string;
  /** The firmware's immutable name, beside this file. `firmware.bin` is the same bytes. */
  readonly file?: string;
  /** Base64 of the release's signature over the firmware. */
  readonly signature?: string;
}

export interface VersionFacts {
  readonly version: string;
  readonly builtAt?: Date;
  readonly description?: string;
  readonly minVersion?: string;
  readonly forceUpdate: boolean;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly signature?: string;
}

const checkSchema = defineSchema(versionSchema);

/** Seed 002 writes this when nothing else is said. */
const defaultMinVersion = '1.0.0';

/** The content of `version.json` for a firmware that stands beside it. */
export function buildVersionFile(facts: VersionFacts): VersionFile {
  return {
    version: facts.version,
    ...(facts.builtAt && { build_date: facts.builtAt.toISOString().replace(/\.\d+Z$/, 'Z') }),
    description: facts.description ?? '',
    min_version: facts.minVersion ?? defaultMinVersion,
    force_update: facts.forceUpdate,
    size: facts.sizeBytes,
    sha256: facts.sha256,
    file: firmwareName(facts.version, facts.sha256),
    ...(facts.signature === undefined ? {} : { signature: facts.signature }),
  };
}

/** A name that never stands for other bytes, fit for a URL: `firmware-1.2.0-9f86d081884c.bin`. */
export function firmwareName(version: string, sha256: string): string {
  const fit = version.replace(/[^A-Za-z0-9._-]/g, '_').slice(0, 64);
  return `firmware-${fit}-${sha256.slice(0, 12)}.bin`;
}

/**
 * Reads `version.json`; files of the seed's scripts, with `version` alone, are valid.
 *
 * @throws OtaError `version-file-invalid` with all problems
 */
export function parseVersionFile(text: string, where: string): VersionFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new OtaError('version-file-invalid', `${where} is not JSON`, { cause, hint: republish });
  }
  const problems = checkSchema(value);
  if (problems.length === 0) return value as VersionFile;
  throw new OtaError('version-file-invalid', `${where} is not a valid version.json`, {
    details: problems.map(formatProblem),
    hint: republish,
  });
}

const republish = '`ota publish` writes it anew.';
