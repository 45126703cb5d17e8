import type { Artifact } from '../release/release.ts';
import { type ChipFamily, chipFamilyOf } from './chip-family.ts';
import { type ExportFormat, exportImpossible, jsonFile, urlPath } from './format.ts';

const name = 'esp-web-tools';

/** A file and its place in flash; `offset` in bytes, a JSON number. */
interface Part {
  readonly artifact: Artifact;
  readonly offset: number;
}

/** Flashing a blank chip from a browser: manifest.json of ESP Web Tools. */
export const espWebTools: ExportFormat = {
  name,
  summary: 'flash a blank chip from a browser: manifest.json with all parts',
  plan(facts) {
    const chip = chipFamilyOf(facts);
    const problems: string[] = 'problem' in chip ? [chip.problem] : [];
    const parts = chooseParts(facts.release.artifacts, chip, problems);
    problems.push(...overlaps(parts));
    if (problems.length > 0 || 'problem' in chip) {
      throw exportImpossible(
        name,
        facts,
        problems,
        'Package the whole build, with bootloader and partition table, or one merged image.',
      );
    }
    return [
      ...parts.map(({ artifact: { filename } }) => ({ path: filename, copyOf: filename })),
      jsonFile('manifest.json', {
        name: facts.product,
        version: facts.release.version,
        // Without it a first installation erases settings and files without asking.
        new_install_prompt_erase: true,
        builds: [
          {
            chipFamily: chip.family,
            parts: parts.map(({ artifact, offset }) => ({
              path: urlPath(artifact.filename),
              offset,
            })),
          },
        ],
      }),
    ];
  },
};

/** One merged image is everything; else all parts, in the order of the flash. */
function chooseParts(
  artifacts: readonly Artifact[],
  chip: ChipFamily,
  problems: string[],
): readonly Part[] {
  const merged = artifacts.find(({ role }) => role === 'merged');
  // esptool's merge-bin starts at the beginning of the flash unless told otherwise.
  if (merged !== undefined) return [{ artifact: merged, offset: merged.offset ?? 0 }];
  // An ESP8266 boots from the start of the flash, from whatever its toolchain put there.
  const isEsp8266 = 'family' in chip && chip.family === 'ESP8266';
  const needed = isEsp8266
    ? (['app'] as const)
    : (['bootloader', 'partition-table', 'app'] as const);
  for (const role of needed) {
    const isThere = artifacts.some((artifact) => (artifact.role ?? 'app') === role);
    if (!isThere) problems.push(`no artifact has the role ${role}`);
  }
  const parts = artifacts.flatMap((artifact): Part[] => {
    const offset = artifact.offset ?? (isEsp8266 ? 0 : undefined);
    if (offset !== undefined) return [{ artifact, offset }];
    problems.push(`${artifact.filename} has no offset`);
    return [];
  });
  return parts.sort((a, b) => a.offset - b.offset);
}

function overlaps(parts: readonly Part[]): string[] {
  return parts.flatMap(({ artifact, offset }, index) => {
    const next = parts[index + 1];
    if (next === undefined || offset + artifact.size <= next.offset) return [];
    return [`${artifact.filename} reaches into ${next.artifact.filename}`];
  });
}
