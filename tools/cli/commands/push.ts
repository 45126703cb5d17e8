import { OtaError } from '../../core/errors.ts';
import { parseAssignments } from '../../core/release/assignment.ts';
import { isSettings } from '../../core/release/channel.ts';
import { defaultRetryPolicy } from '../../core/retry.ts';
import { transports } from '../../transports/index.ts';
import { createClock } from '../../workflows/clock.ts';
import { push } from '../../workflows/push.ts';
import { manifestsInReach } from '../../workflows/signed-binary.ts';
import { writeJsonFile } from '../../workspace/json-write.ts';
import { defineCommand } from '../command.ts';
import { createDeliveryView } from '../delivery-view.ts';
import { deviceOptions, readDevices } from '../device-options.ts';
import { line, writeJson } from '../io.ts';
import {
  absolute,
  absoluteOrNone,
  jsonOption,
  numberBetween,
  optional,
  setOption,
  splitList,
  verboseOption,
  wholeNumberBetween,
} from '../options.ts';
import { fewDevices, renderDryRun, renderPushPlan, renderPushReport } from '../push-view.ts';

const pushTransports = transports.filter(({ perDevice }) => perDevice === true);

export const pushCommand = defineCommand({
  examples: [
    [
      'ota push --binary firmware.bin --device lamp.local --dry-run',
      'check the image and show what would be sent; without --dry-run, push',
    ],
    [
      'ota push --binary firmware.bin --batch devices.json --concurrency 8 --dry-run',
      'the devices of a file, eight at a time',
    ],
  ],
  options: (yargs) =>
    yargs.options({
      binary: {
        type: 'string',
        demandOption: true,
        normalize: true,
        describe: 'firmware image: the app, not a factory image',
      },
      manifest: {
        type: 'string',
        normalize: true,
        describe: 'root manifest whose rule about signatures holds (default: the nearest)',
      },
      ...deviceOptions,
      protocol: {
        choices: pushTransports.map(({ name }) => name),
        default: 'esphome',
        describe: 'what the devices speak',
      },
      chip: {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: 'chip of the devices: an image for another one is refused',
      },
      'partition-table': {
        type: 'string',
        normalize: true,
        describe: 'table of the devices: an image that does not fit is refused',
      },
      allow: {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: 'an image check that may fail (repeatable)',
      },
      ...setOption,
      retries: {
        type: 'number',
        default: defaultRetryPolicy.retries,
        describe: 'attempts after the first one (waits 1, 2, 4 s)',
      },
      timeout: { type: 'number', default: 60, describe: 'seconds to wait for each answer' },
      concurrency: { type: 'number', default: 4, describe: 'devices at the same time' },
      'fail-fast': { type: 'boolean', default: false, describe: 'begin no device after a failure' },
      'dry-run': { type: 'boolean', default: false, describe: 'check and plan, send nothing' },
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
    const retries = wholeNumberBetween('retries', args.retries, 0, 100);
    const timeoutS = numberBetween('timeout', args.timeout, 0.001, 86_400);
    const concurrency = wholeNumberBetween('concurrency', args.concurrency, 1, 1000);
    const transport = pushTransports.find(({ name }) => name === args.protocol);
    if (transport === undefined) throw new OtaError('transport-unknown', String(args.protocol));
    const channel = parseAssignments(args.set)[transport.name] ?? {};
    const devices = await readDevices(args, io);
    const table = args['partition-table'];
    const view = createDeliveryView(io, args.json ? 'none' : args.progress, {
      nameOf: (step) => step.destination,
      onlyRunning: devices.length > fewDevices,
    });
    const binaryPath = absolute(io, args.binary);
    const report = await push({
      binaryPath,
      manifestPaths: await manifestsInReach(binaryPath, io.cwd, absoluteOrNone(io, args.manifest)),
      transport,
      channel: isSettings(channel) ? channel : {},
      devices,
      chips: splitList(args.chip) ?? [],
      allow: splitList(args.allow) ?? [],
      dryRun: args['dry-run'],
      policy: { ...defaultRetryPolicy, retries },
      timeoutMs: timeoutS * 1000,
      concurrency,
      failFast: args['fail-fast'],
      env: io.env,
      signal: io.signal,
      clock: createClock(io),
      notify: view.notify,
      onPlan(plan, binary) {
        if (!args.json) line(io.stdout, renderPushPlan(plan, binary));
      },
      ...optional('partitionTablePath', table === undefined ? undefined : absolute(io, table)),
    }).finally(view.close);
    if (args.report !== undefined) await writeJsonFile(absolute(io, args.report), report);
    if (args.json) writeJson(io.stdout, report);
    else line(io.stdout, args['dry-run'] ? renderDryRun(report) : renderPushReport(report));
    if (report.cancelled) return 130;
    return report.ok ? 0 : 1;
  },
});
