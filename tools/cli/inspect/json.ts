import { toSnakeCase } from '../../core/snake-case.ts';
import type { Inspection } from '../../workflows/inspect.ts';

/** The output of `ota inspect --json` (schemas/inspect.schema.json). */
export function inspectionToJson(inspection: Inspection): unknown {
  const { subject, path, problems } = inspection;
  const head = { inspectVersion: 1, ok: problems.length === 0, subject, path, problems };
  if (inspection.subject === 'file') {
    const { sha256, file } = inspection;
    return toSnakeCase({ ...head, sha256, file });
  }
  const { project, flasher, config, parts, partitionTableOffset, flashSizeBytes, disagreements } =
    inspection.build;
  const build = {
    project,
    flasher,
    config,
    parts,
    partitionTableOffset,
    flashSizeBytes,
    disagreements,
  };
  return toSnakeCase({ ...head, build });
}
