import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { OtaError } from '../../core/errors.ts';
import { brokerUrl } from '../../core/fleet/deploy-config.ts';
import { startFleet } from '../../simulator/fleet.ts';
import { parseFleetProfile } from '../../simulator/fleet-profile.ts';
import { readJsonFile } from '../../workspace/json-file.ts';
import { defineCommand } from '../command.ts';
import { fleetOptions, readFleetConfig } from '../fleet-options.ts';
import { line } from '../io.ts';
import { absolute, numberBetween, optional, verboseOption } from '../options.ts';

export const simulateCommand = defineCommand({
  examples: [
    [
      'ota simulate fleet --count 20 --profile fleet.json',
      'devices that can be updated, until Ctrl-C',
    ],
  ],
  options: (yargs) =>
    yargs.positional('what', { choices: ['fleet'] as const, demandOption: true }).options({
      count: { type: 'number', default: 10, describe: 'how many devices' },
      broker: { type: 'string', describe: "URL of the broker; default: the configuration's" },
      ...fleetOptions,
      profile: {
        type: 'string',
        normalize: true,
        demandOption: true,
        describe: 'what the devices are like: a JSON file',
      },
      ...verboseOption,
    }),
  async run(args, io) {
    const count = numberBetween('count', args.count, 1, 100_000);
    const path = absolute(io, args.profile);
    const profile = parseFleetProfile(await readJsonFile(path, 'profile-invalid', ''), path);
    const ca = profile.ca === undefined ? undefined : await readCa(absolute(io, profile.ca));
    const fleet = await startFleet({
      profile,
      count,
      brokerUrl: args.broker ?? brokerUrl((await readFleetConfig(io, args)).config),
      ...optional('ca', ca),
      now: () => io.now().getTime(),
      random: io.random,
      signal: io.signal,
    });
    line(io.stdout, `${count} devices are connected`);
    await sleep(2 ** 31 - 1, undefined, { signal: io.signal }).catch(() => undefined);
    for (const [version, devices] of Object.entries(fleet.versions())) {
      line(io.stdout, `${version}: ${devices} devices`);
    }
    await fleet.close();
    return 0;
  },
});

async function readCa(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new OtaError('tls-file-unreadable', `cannot read ${path}`, { cause });
  }
}
