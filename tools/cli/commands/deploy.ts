import { parseAssignments } from '../../core/release/assignment.ts';
import { requireDevicesUsed } from '../../core/release/deploy-plan.ts';
import { defaultRetryPolicy } from '../../core/retry.ts';
import { transports } from '../../transports/index.ts';
import { clearDeployed } from '../../workflows/clear.ts';
import { createClock } from '../../workflows/clock.ts';
import { deploy } from '../../workflows/deploy.ts';
import { writeJsonFile } from '../../workspace/json-write.ts';
import { defineCommand } from '../command.ts';
import { createDeliveryView, renderClearing, renderPlan, renderReport } from '../delivery-view.ts';
import { deviceOptions, readDevices } from '../device-options.ts';
import { readVariables } from '../env-file.ts';
import { line, writeJson } from '../io.ts';
import {
  absolute,
  absoluteOrNone,
  jsonOption,
  manifestOption,
  numberBetween,
  optional,
  outputOption,
  setOption,
  splitList,
  verboseOption,
  wholeNumberBetween,
} from '../options.ts';
import { fewDevices } from '../push-view.ts';

export const deployCommand = defineCommand({
  examples: [
    ['ota deploy --version 1.2.3 --dry-run', 'verify the files and show what would be sent where'],
    ['ota deploy --version 1.2.3 --transport mqtt', 'publish over MQTT only'],
    [
      'ota deploy --version 1.2.3 --transport esphome --batch devices.json --dry-run',
      'push a release to the devices of a file',
    ],
    ['ota deploy --version 1.2.3 --transport mqtt --clear', 'take retained messages back'],
    ['ota deploy --version latest --env-file .env.production --report report.json', 'from CI'],
  ],
  options: (yargs) =>
    yargs.options({
      ...manifestOption,
      version: {
        type: 'string',
        demandOption: true,
        describe: 'version id, or latest (the newest stable one)',
      },
      ...outputOption,
      transport: {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: `only these transports: ${transports.map(({ name }) => name).join(', ')}`,
      },
      artifact: { type: 'string', describe: 'only the artifact of this name or file name' },
      ...deviceOptions,
      ...setOption,
      'env-file': { type: 'string', normalize: true, describe: 'file with values for ${NAME}' },
      retries: {
        type: 'number',
        default: defaultRetryPolicy.retries,
        describe: 'attempts after the first one (waits 1, 2, 4 s)',
      },
      timeout: { type: 'number', describe: "seconds; default each channel's own" },
      concurrency: { type: 'number', default: 4, describe: 'devices at the same time' },
      'fail-fast': { type: 'boolean', default: false, describe: 'stop at the first failure' },
      clear: {
        type: 'boolean',
        default: false,
        describe: 'send nothing; clear what the broker keeps of the release',
      },
      'dry-run': { type: 'boolean', default: false, describe: 'verify and plan, send nothing' },
      ...jsonOption,
      report: { type: 'string', normalize: true, describe: 'write the report to this file, too' },
      progress: {
        choices: ['auto', 'plain', 'none'] as const,
        default: 'auto' as const,
        describe: 'bars on a terminal, plain lines, or nothing',
      },
      ...verboseOption,
    }),
  async run(args, io) {
    const retries = numberBetween('retries', args.retries, 0, 100);
    const timeoutS =
      args.timeout === undefined
        ? undefined
        : numberBetween('timeout', args.timeout, 0.001, 86_400);
    const concurrency = wholeNumberBetween('concurrency', args.concurrency, 1, 1000);
    const devices = await readDevices(args, io);
    const perDevice = devices.length > 0;
    const view = createDeliveryView(io, args.json ? 'none' : args.progress, {
      ...(perDevice ? { nameOf: (step) => `${step.transport} ${step.destination}` } : {}),
      onlyRunning: devices.length > fewDevices,
    });
    const render = args.clear ? renderClearing : renderPlan;
    const report = await (args.clear ? clearDeployed : deploy)({
      manifestPath: absolute(io, args.manifest),
      version: args.version,
      transports: splitList(args.transport) ?? [],
      overrides: parseAssignments(args.set),
      devices,
      available: transports,
      variables: await readVariables(io, args['env-file']),
      dryRun: args['dry-run'],
      policy: { ...defaultRetryPolicy, retries },
      // Without devices a delivery waits for the one before it.
      concurrency: perDevice ? concurrency : 1,
      failFast: args['fail-fast'],
      env: io.env,
      signal: io.signal,
      clock: createClock(io),
      notify: view.notify,
      onPlan(plan) {
        requireDevicesUsed(devices, plan, transports);
        if (!args.json) line(io.stdout, render(plan, args['dry-run']));
      },
      ...optional('outputFolder', absoluteOrNone(io, args.output)),
      ...optional('artifact', args.artifact),
      ...optional('timeoutMs', timeoutS === undefined ? undefined : timeoutS * 1000),
    }).finally(view.close);
    if (args.report !== undefined) await writeJsonFile(absolute(io, args.report), report);
    if (args.json) writeJson(io.stdout, report);
    else line(io.stdout, renderReport(report, args.clear ? 'cleared' : 'delivered'));
    if (report.cancelled) return 130;
    return report.ok ? 0 : 1;
  },
});
