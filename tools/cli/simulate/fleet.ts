import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { OtaError } from '../../core/errors.ts';
import { brokerUrl } from '../../core/fleet/commands/deploy-config.ts';
import type { PublicKey } from '../../core/signing/key.ts';
import { startFleet } from '../../simulator/fleet/fleet.ts';
import { parseDeviceKey, parseFleetProfile } from '../../simulator/fleet/profile.ts';
import { readJsonFile } from '../../workspace/json-file.ts';
import { readKeyText } from '../../workspace/signing/key-file.ts';
import { type Io, line, writeJson } from '../io.ts';
import { fleetOptions, readFleetConfig } from '../options/fleet-options.ts';
import { absolute, optional, wholeNumberBetween } from '../options/options.ts';

/** Flags of virtual devices that take commands over MQTT. */
export const simulatedFleetOptions = {
  broker: { type: 'string', describe: "fleet: URL of the broker; default the configuration's" },
  ...fleetOptions,
  profile: {
    type: 'string',
    normalize: true,
    describe: 'fleet: what the devices are like, a JSON file',
  },
} as const;

export interface SimulatedFleetFlags {
  readonly count: number | undefined;
  readonly broker: string | undefined;
  readonly profile: string | undefined;
  readonly config: string | undefined;
  readonly set: readonly string[];
  readonly 'env-file': string | undefined;
  readonly json: boolean;
}

/** Runs a virtual fleet until the user has enough, then tells which versions it runs. */
export async function runSimulatedFleet(flags: SimulatedFleetFlags, io: Io): Promise<number> {
  const count = wholeNumberBetween('count', flags.count ?? 10, 1, 100_000);
  if (flags.profile === undefined) {
    throw new OtaError('usage', 'ota simulate fleet needs --profile', {
      hint: 'It is a JSON file that says what the devices are like; docs/fleet.md shows one.',
    });
  }
  const path = absolute(io, flags.profile);
  const profile = parseFleetProfile(await readJsonFile(path, 'profile-invalid', ''), path);
  const folder = dirname(path);
  const ca = profile.ca === undefined ? undefined : await readCa(resolve(folder, profile.ca));
  const fleet = await startFleet({
    profile,
    count,
    brokerUrl: flags.broker ?? brokerUrl((await readFleetConfig(io, flags)).config),
    ...optional('ca', ca),
    keys: await Promise.all(profile.publicKeys.map((key, index) => readKey(folder, key, index))),
    now: () => io.now().getTime(),
    random: io.random,
    signal: io.signal,
  });
  if (!flags.json) line(io.stdout, `${count} devices are connected`);
  if (!io.signal.aborted) await once(io.signal, 'abort');
  const versions = fleet.versions();
  if (flags.json) writeJson(io.stdout, { ok: true, versions });
  else {
    for (const [version, devices] of Object.entries(versions))
      line(io.stdout, `${version}: ${devices} devices`);
  }
  await fleet.close();
  return 0;
}

/** A key as PEM text, or as the path of its file. */
async function readKey(folder: string, key: string, index: number): Promise<PublicKey> {
  if (key.includes('-----BEGIN ')) return parseDeviceKey(key, `public_keys[${index}]`);
  const path = resolve(folder, key);
  return parseDeviceKey(await readKeyText(path), path);
}

async function readCa(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new OtaError('tls-file-unreadable', `cannot read ${path}`, {
      cause,
      hint: 'Correct `ca` in the profile.',
    });
  }
}
