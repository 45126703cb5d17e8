import { requireApp } from './app.ts';
import { type ExportFormat, exportImpossible } from './format.ts';

const name = 'http-update';

/** What stands between quotes in an nginx configuration and means itself. */
const plainVersion = /^[\w.+~ -]+$/;

/**
 * What Arduino's HTTPUpdate (ESP32) and ESP8266httpUpdate ask for. A web server that only hands out files would
 * update a device again and again: the answer depends on headers of the request, hence the nginx configuration.
 */
export const httpUpdate: ExportFormat = {
  name,
  summary: "firmware.bin for Arduino's HTTPUpdate, with the nginx configuration that answers it",
  plan(facts) {
    const { version } = facts.release;
    if (!plainVersion.test(version)) {
      const problem = `the version ${JSON.stringify(version)} cannot stand in an nginx configuration`;
      throw exportImpossible(
        name,
        facts,
        [problem],
        'Use letters, digits, dots, dashes and plus signs.',
      );
    }
    const app = requireApp(name, facts);
    const md5 = facts.md5.get(app.filename) ?? '';
    return [
      { path: 'firmware.bin', copyOf: app.filename },
      // As md5sum writes it.
      { path: 'firmware.bin.md5', content: `${md5}  firmware.bin\n` },
      { path: 'nginx.conf', content: nginxConfiguration(version, md5) },
    ];
  },
};

/** The request headers have the same names on both chips but for the prefix. */
const prefixes = ['esp32', 'esp8266'] as const;

function nginxConfiguration(version: string, md5: string): string {
  const rules = prefixes.flatMap((prefix) => [
    `    # A request for a file system must not be answered with an app.`,
    `    if ($http_x_${prefix}_mode !~ "^(sketch)?$") { return 403; }`,
    `    if ($http_x_${prefix}_version = "${version}") { return 304; }`,
    `    if ($http_x_${prefix}_sketch_md5 = "${md5}") { return 304; }`,
  ]);
  return [
    `# Version ${version}. Include this in a server block whose root is the folder of this file.`,
    'location = /firmware.bin {',
    ...rules,
    '    types { }',
    '    default_type application/octet-stream;',
    `    add_header x-MD5 "${md5}";`,
    '}',
    '',
  ].join('\n');
}
