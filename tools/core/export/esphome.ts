import { requireApp } from './app.ts';
import { chipFamilyOf } from './chip-family.ts';
import { type ExportFormat, exportImpossible, jsonFile, urlPath } from './format.ts';

const name = 'esphome';

/** Home Assistant takes no longer text as the summary of a release. */
const longestSummary = 255;

/** The update manifest that ESPHome's `update: platform: http_request` polls. */
export const esphome: ExportFormat = {
  name,
  summary: "manifest.json for ESPHome's http_request update, with the OTA binary",
  plan(facts) {
    const chip = chipFamilyOf(facts);
    if ('problem' in chip) {
      throw exportImpossible(name, facts, [chip.problem], 'Say the chip in product.hardware.');
    }
    const { filename } = requireApp(name, facts);
    const { notes = facts.label, version } = facts.release;
    return [
      { path: filename, copyOf: filename },
      jsonFile('manifest.json', {
        name: facts.product,
        version,
        builds: [
          {
            chipFamily: chip.family,
            ota: {
              path: urlPath(filename),
              md5: facts.md5.get(filename),
              ...(notes !== undefined && { summary: shorten(notes) }),
            },
          },
        ],
      }),
    ];
  },
};

/** Cuts by code points, so that no character is cut in two. */
function shorten(notes: string): string {
  const characters = [...notes];
  if (characters.length <= longestSummary) return notes;
  return `${characters.slice(0, longestSummary - 1).join('')}…`;
}
