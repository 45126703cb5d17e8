import { parseAudience } from '../../core/fleet/offers/audience-text.ts';
import { parseAssignments } from '../../core/release/assignment.ts';
import { requireDevicesUsed } from '../../core/release/deploy-plan.ts';
import { transports } from '../../transports/index.ts';
import { clearDeployed } from '../../workflows/clear.ts';
import { deploy } from '../../workflows/deploy.ts';
import { defineCommand } from '../command.ts';
import { line } from '../io.ts';
import { deliveryOptions, readDeliveryFlags } from '../options/delivery-options.ts';
import { readDevices } from '../options/device-options.ts';
import { readVariables } from '../options/env-file.ts';
import { optional, readWorkspace, splitList, workspaceOptions } from '../options/options.ts';
import {
  createDeliveryView,
  renderClearing,
  renderPlan,
  renderReport,
  tellReport,
} from '../views/delivery-view.ts';
import { fewDevices } from '../views/push-view.ts';

export const deployCommand = defineCommand({
  examples: [
    ['ota deploy --version 1.2.3 --dry-run', 'verify the files and show what would be sent where'],
    ['ota deploy --version 1.2.3 --transport mqtt', 'publish over MQTT only'],
    [
      'ota deploy --version 1.2.3 --transport esphome --batch devices.json --dry-run',
      'push a release to the devices of a file',
    ],
    [
      'ota deploy --version 1.2.3 --transport https --rollout canary:10 --set https.url=https://ota.example.com/api/v1/firmware --dry-run',
      'publish to `ota serve`, and offer it to a tenth of the devices',
    ],
    ['ota deploy --version 1.2.3 --transport mqtt --clear', 'take retained messages back'],
    ['ota deploy --version latest --env-file .env.production --report report.json', 'from CI'],
  ],
  options: (yargs) =>
    yargs.options({
      ...workspaceOptions,
      version: {
        type: 'string',
        demandOption: true,
        describe: 'version id, or latest (the newest stable one)',
      },
      transport: {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: `only these transports: ${transports.map(({ name }) => name).join(', ')}`,
      },
      artifact: { type: 'string', describe: 'only the artifact of this name or file name' },
      rollout: {
        type: 'string',
        describe: 'start a rollout, too: all, canary:10, groups:a,b or devices:a,b',
      },
      'env-file': { type: 'string', normalize: true, describe: 'file with values for ${NAME}' },
      timeout: { type: 'number', describe: "seconds; default each channel's own" },
      clear: {
        type: 'boolean',
        default: false,
        describe: 'send nothing; clear what the broker keeps of the release',
      },
      'dry-run': { type: 'boolean', default: false, describe: 'verify and plan, send nothing' },
      ...deliveryOptions,
    }),
  async run(args, io) {
    const { concurrency, ...sending } = readDeliveryFlags(args, io);
    const rollout = args.rollout === undefined ? undefined : parseAudience(args.rollout);
    const devices = await readDevices(args, io);
    const perDevice = devices.length > 0;
    const view = createDeliveryView(io, args, {
      ...(perDevice ? { nameOf: (step) => `${step.transport} ${step.destination}` } : {}),
      onlyRunning: devices.length > fewDevices,
    });
    const render = args.clear ? renderClearing : renderPlan;
    const report = await (args.clear ? clearDeployed : deploy)({
      ...readWorkspace(args, io),
      version: args.version,
      transports: splitList(args.transport) ?? [],
      overrides: parseAssignments(args.set),
      devices,
      available: transports,
      variables: await readVariables(io, args['env-file']),
      dryRun: args['dry-run'],
      ...sending,
      // Without devices a delivery waits for the one before it.
      concurrency: perDevice ? concurrency : 1,
      notify: view.notify,
      onPlan(plan) {
        requireDevicesUsed(devices, plan, transports);
        if (!args.json) line(io.stdout, render(plan, args['dry-run']));
      },
      ...optional('artifact', args.artifact),
      ...optional('rollout', rollout),
    }).finally(view.close);
    return tellReport(report, args, io, (sum) =>
      renderReport(sum, args.clear ? 'cleared' : 'delivered'),
    );
  },
});
