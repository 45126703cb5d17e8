import { OtaError } from '../errors.ts';
import type { Release } from '../release/release.ts';

/** What a format may use. */
export interface ExportFacts {
  readonly product: string;
  /** Chip or board names of the product. */
  readonly hardware: readonly string[];
  readonly release: Release;
  /** The words that the root manifest gives the version. */
  readonly label?: string;
  /** MD5 of every artifact, 32 lowercase hex digits, by file name: older updaters know no other hash. */
  readonly md5: ReadonlyMap<string, string>;
  /** What stands in `<artifact>.sig` as base64, by the artifact's file name. */
  readonly signatures: ReadonlyMap<string, string>;
  /** Whether devices are told to install in any case. */
  readonly forceUpdate: boolean;
}

/** A file to write, with its path relative to the output folder: given text, or a copy of an artifact. */
export type ExportFile =
  | { readonly path: string; readonly content: string }
  | { readonly path: string; readonly copyOf: string };

/** A way to publish a release for clients that speak something else. */
export interface ExportFormat {
  readonly name: string;
  readonly summary: string;
  /**
   * Decides which files there are, in the order in which they are to appear: what points to others comes last.
   *
   * @throws OtaError `export-impossible` with everything that is missing
   */
  plan(facts: ExportFacts): readonly ExportFile[];
}

/**
 * @param problems all that is in the way, one line each
 * @param hint what to do about it
 */
export function exportImpossible(
  format: string,
  { release }: ExportFacts,
  problems: readonly string[],
  hint: string,
): OtaError {
  return new OtaError(
    'export-impossible',
    `release ${release.version} cannot be exported as ${format}`,
    {
      details: problems,
      hint,
    },
  );
}

/** JSON as people write it. */
export function jsonFile(path: string, value: unknown): ExportFile {
  return { path, content: `${JSON.stringify(value, null, 2)}\n` };
}

/** An artifact's name as part of a URL. */
export function urlPath(filename: string): string {
  return encodeURIComponent(filename);
}
