import { objectOf, textOf } from './fields.ts';

/** What `project_description.json` says of a build. Its absolute paths belong to another machine: not read. */
export interface ProjectDescription {
  readonly projectName: string | undefined;
  readonly projectVersion: string | undefined;
  /** CONFIG_IDF_TARGET, such as `esp32s3`. */
  readonly target: string | undefined;
  /** File name of the app, relative to the build folder. */
  readonly appBin: string | undefined;
  /** `flash_app`, or `ram_app` for code that is never flashed. */
  readonly buildType: string | undefined;
  readonly idfVersion: string | undefined;
  /** major * 100 + minor. */
  readonly minChipRevision: number | undefined;
  readonly maxChipRevision: number | undefined;
}

/**
 * Reads the JSON that ESP-IDF writes from `tools/cmake/project_description.json.in`, format versions 1 to
 * 1.3. Empty texts count as missing.
 *
 * @throws OtaError `build-invalid`
 */
export function parseProjectDescription(value: unknown, path: string): ProjectDescription {
  const description = objectOf(value, path);
  const revision = (key: string): number | undefined => {
    const text = textOf(description, key);
    return text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : undefined;
  };
  return {
    projectName: textOf(description, 'project_name'),
    projectVersion: textOf(description, 'project_version'),
    target: textOf(description, 'target'),
    appBin: textOf(description, 'app_bin'),
    buildType: textOf(description, 'build_type'),
    idfVersion: textOf(description, 'git_revision'),
    minChipRevision: revision('min_rev'),
    maxChipRevision: revision('max_rev'),
  };
}
