import { join, relative } from 'node:path';
import { displayText } from '../../core/display-text.ts';
import { hardwareOf } from '../../core/release/manifest.ts';
import { transports } from '../../transports/index.ts';
import { createDeployConfig, defaultConfigName } from '../../workflows/deploy-config.ts';
import { type InitResult, initWorkspace } from '../../workflows/init.ts';
import { defineCommand } from '../command.ts';
import { type Io, line, writeJson } from '../io.ts';
import { absolute, jsonOption, optional, splitList, verboseOption } from '../options/options.ts';

const defaultFolder = 'ota';

export const initCommand = defineCommand({
  examples: [
    ['ota init --dir products/gateway --name Gateway --hardware esp32s3', 'a workspace from flags'],
    ['ota init --deploy-config lab.json', 'the configuration of `ota publish` and `ota command`'],
    [
      'ota init --dir products/station --build-dir build --protocols mqtt',
      'from what a build says of itself',
    ],
  ],
  options: (yargs) =>
    yargs.options({
      name: { type: 'string', describe: "name of the product; default the build's project" },
      hardware: {
        type: 'string',
        array: true,
        describe: "chip or board names; default the build's target",
      },
      project: { type: 'string', describe: 'project name that images must carry' },
      'build-dir': {
        type: 'string',
        normalize: true,
        describe: 'build folder to take the answers from',
      },
      protocols: {
        type: 'string',
        array: true,
        describe: 'transports to write an example channel for',
      },
      'deploy-config': {
        type: 'string',
        describe: `only create the deploy configuration, ${defaultConfigName} or the given file`,
      },
      dir: {
        type: 'string',
        normalize: true,
        default: defaultFolder,
        describe: 'the folder to make',
      },
      ...jsonOption,
      ...verboseOption,
    }),
  async run(args, io) {
    const config = args['deploy-config'];
    if (config !== undefined) {
      return await initDeployConfig(io, config === '' ? defaultConfigName : config, args.json);
    }
    const folder = absolute(io, args.dir);
    const buildDir = args['build-dir'];
    const result = await initWorkspace({
      folder,
      protocols: splitList(args.protocols) ?? [],
      transports,
      ...optional('buildFolder', buildDir === undefined ? undefined : absolute(io, buildDir)),
      ...optional('name', args.name),
      ...optional('hardware', splitList(args.hardware)),
      ...optional('project', args.project),
    });
    const cmake = cmakeLines(relative(io.cwd, join(folder, 'manifest.json')));
    if (args.json) writeJson(io.stdout, { ok: true, ...result, cmake });
    else render(result, cmake, io);
    return 0;
  },
});

/** The answer to `idf.py ota_config`: one new file, and nothing else. */
async function initDeployConfig(io: Io, path: string, json: boolean): Promise<number> {
  const file = absolute(io, path);
  await createDeployConfig(file);
  if (json) writeJson(io.stdout, { ok: true, files: [file] });
  else line(io.stdout, `made ${path}\nNext: set server.base_url and mqtt.broker in it.`);
  return 0;
}

/** What goes into the project's CMakeLists.txt; the hook looks for ota/manifest.json by itself. */
function cmakeLines(manifestPath: string): string[] {
  const shown = manifestPath.replaceAll('\\', '/');
  const place = shown === `${defaultFolder}/manifest.json` ? '' : `MANIFEST "${shown}" `;
  return [
    'include(node_modules/esp-ota-toolkit/cmake/OtaToolkit.cmake)',
    `ota_package(${place}UPDATE_MANIFEST)`,
  ];
}

function render({ manifest, files }: InitResult, cmake: readonly string[], io: Io): void {
  const { product, deployment } = manifest;
  const hardware = hardwareOf(product).join(', ');
  const name = displayText(`${product.name}${hardware === '' ? '' : ` (${hardware})`}`);
  line(io.stdout, `made the workspace of ${name}`);
  for (const path of files) line(io.stdout, `  write ${relative(io.cwd, path)}`);
  line(
    io.stdout,
    deployment === undefined
      ? 'Next: say in deployment.channels of the manifest how devices are reached.'
      : 'Next: edit deployment.channels of the manifest; they hold examples.',
  );
  line(io.stdout, "To package every build, add to the project's CMakeLists.txt, after project():");
  for (const words of cmake) line(io.stdout, `  ${words}`);
}
