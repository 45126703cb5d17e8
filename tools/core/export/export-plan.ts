import {
  type ExportFacts,
  type ExportFile,
  type ExportFormat,
  exportImpossible,
} from './format.ts';

/**
 * The files of an export, none of which takes the place of another.
 *
 * @throws OtaError `export-impossible`
 */
export function planExport(format: ExportFormat, facts: ExportFacts): readonly ExportFile[] {
  const files = format.plan(facts);
  const seen = new Set<string>();
  for (const { path } of files) {
    // Web servers and memory cards may not tell upper from lower case.
    const key = path.toLowerCase();
    if (seen.has(key)) {
      throw exportImpossible(
        format.name,
        facts,
        [`two files would be called ${path}`],
        'Package with another --artifact-name.',
      );
    }
    seen.add(key);
  }
  return files;
}
