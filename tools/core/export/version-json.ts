import { requireApp } from './app.ts';
import { type ExportFormat, jsonFile } from './format.ts';

const name = 'version-json';

/** What devices of seed 002 poll: firmware.bin, and beside it what it is. */
export const versionJson: ExportFormat = {
  name,
  summary: 'firmware.bin and version.json for devices that poll a web server',
  plan(facts) {
    const { release } = facts;
    const app = requireApp(name, facts);
    const version = {
      version: release.version,
      ...(release.created_at !== undefined && { build_date: utc(release.created_at) }),
      description: release.notes ?? facts.label ?? '',
      min_version: release.min_version ?? '0.0.0',
      force_update: facts.forceUpdate,
      size: app.size,
      sha256: app.sha256.toLowerCase(),
    };
    return [
      { path: 'firmware.bin', copyOf: app.filename },
      jsonFile('version.json', version),
      // The device asks for `version` beside `firmware.bin`: this one needs no rewriting in the web server.
      jsonFile('version', version),
    ];
  },
};

function utc(time: string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? time : date.toISOString().replace(/\.\d{3}Z$/, 'Z');
}
