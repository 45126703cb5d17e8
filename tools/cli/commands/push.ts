import { OtaError } from '../../core/errors.ts';
import { parseAssignments } from '../../core/release/assignment.ts';
import { isSettings } from '../../core/release/channel.ts';
import { transports } from '../../transports/index.ts';
import { push } from '../../workflows/push.ts';
import { manifestsInReach } from '../../workflows/signing/signed-binary.ts';
import { defineCommand } from '../command.ts';
import { line } from '../io.ts';
import { deliveryOptions, readDeliveryFlags } from '../options/delivery-options.ts';
import { readDevices } from '../options/device-options.ts';
import { absolute, absoluteOrNone, optional, splitList } from '../options/options.ts';
import { createDeliveryView, tellReport } from '../views/delivery-view.ts';
import { fewDevices, renderDryRun, renderPushPlan, renderPushReport } from '../views/push-view.ts';

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
      timeout: { type: 'number', default: 60, describe: 'seconds to wait for each answer' },
      'dry-run': { type: 'boolean', default: false, describe: 'check and plan, send nothing' },
      ...deliveryOptions,
    }),
  async run(args, io) {
    const sending = readDeliveryFlags(args, io);
    const transport = pushTransports.find(({ name }) => name === args.protocol);
    if (transport === undefined) throw new OtaError('transport-unknown', String(args.protocol));
    const channel = parseAssignments(args.set)[transport.name] ?? {};
    const devices = await readDevices(args, io);
    const table = args['partition-table'];
    const view = createDeliveryView(io, args, {
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
      ...sending,
      notify: view.notify,
      onPlan(plan, binary) {
        if (!args.json) line(io.stdout, renderPushPlan(plan, binary));
      },
      ...optional('partitionTablePath', table === undefined ? undefined : absolute(io, table)),
    }).finally(view.close);
    return tellReport(report, args, io, args['dry-run'] ? renderDryRun : renderPushReport);
  },
});
