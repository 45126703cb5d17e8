import { buildVersionFile, firmwareName } from '../publishing/version-file.ts';
import { requireApp } from './app.ts';
import { type ExportFormat, jsonFile } from './format.ts';

const name = 'version-json';

/** What devices of seed 002 poll: firmware.bin, and beside it what it is. `ota publish` lays out the same. */
export const versionJson: ExportFormat = {
  name,
  summary: 'firmware.bin and version.json for devices that poll a web server',
  plan(facts) {
    const { release, signatures } = facts;
    const { version } = release;
    const app = requireApp(name, facts);
    const sha256 = app.sha256.toLowerCase();
    const builtAt = new Date(release.created_at ?? '');
    const signature = signatures.get(app.filename);
    const content = buildVersionFile({
      version,
      ...(!Number.isNaN(builtAt.getTime()) && { builtAt }),
      description: release.notes ?? facts.label ?? '',
      minVersion: release.min_version ?? '0.0.0',
      forceUpdate: facts.forceUpdate,
      sizeBytes: app.size,
      sha256,
      ...(signature !== undefined && { signature }),
    });
    return [
      { path: firmwareName(version, sha256), copyOf: app.filename },
      { path: 'firmware.bin', copyOf: app.filename },
      jsonFile('version.json', content),
      // The device asks for `version` beside `firmware.bin`: this one needs no rewriting in the web server.
      jsonFile('version', content),
    ];
  },
};
