import { displayText } from '../../core/display-text.ts';
import { type DiscoveredDevice, toBatch } from '../../core/lan/discovery.ts';
import { discover } from '../../workflows/discover.ts';
import { defineCommand } from '../command.ts';
import { line, writeJson } from '../io.ts';
import { jsonOption, numberBetween, verboseOption } from '../options/options.ts';
import { renderTable } from '../render.ts';

export const discoverCommand = defineCommand({
  examples: [
    ['ota discover --wait 0.1', 'a table of the devices that answer'],
    ['ota discover --wait 0.1 --protocol esphome --json', 'the same as a batch file'],
  ],
  options: (yargs) =>
    yargs.options({
      wait: { type: 'number', default: 3, describe: 'seconds to listen' },
      protocol: {
        choices: ['esphome', 'arduino'] as const,
        describe: 'only devices that are pushed to in this protocol',
      },
      json: { ...jsonOption.json, describe: 'print a batch file for `ota push --batch`' },
      ...verboseOption,
    }),
  async run(args, io) {
    const waitS = numberBetween('wait', args.wait, 0.01, 3600);
    const found = await discover({ durationMs: waitS * 1000, signal: io.signal });
    const devices = found.filter(
      ({ protocol }) => args.protocol === undefined || protocol === args.protocol,
    );
    if (io.signal.aborted) return 130;
    if (args.json) writeJson(io.stdout, toBatch(devices));
    else line(io.stdout, renderDevices(devices));
    return 0;
  },
});

export function renderDevices(devices: readonly DiscoveredDevice[]): string {
  if (devices.length === 0) {
    return 'No device answered. Is this machine in their network, and does it let multicast DNS (UDP 5353) pass?';
  }
  const rows = devices.map((device) => [
    device.host,
    device.name,
    device.addresses.join(' '),
    device.protocol,
    device.platform ?? '',
    device.version ?? '',
    device.security ?? '',
  ]);
  const head = ['HOST', 'NAME', 'ADDRESS', 'PROTOCOL', 'PLATFORM', 'VERSION', 'SECURITY'];
  return renderTable([head, ...rows.map((row) => row.map(displayText))]);
}
