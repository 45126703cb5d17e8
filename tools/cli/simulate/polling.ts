import { OtaError } from '../../core/errors.ts';
import { type PollingFault, pollingFaults } from '../../simulator/polling-device.ts';
import { simulatePolling } from '../../workflows/simulation/simulate-polling.ts';
import { type Io, line, writeJson } from '../io.ts';
import { numberBetween } from '../options/options.ts';

/** Flags of devices that poll a service. */
export const pollingOptions = {
  url: { type: 'string', default: 'http://127.0.0.1:8080', describe: 'address of the service' },
  face: {
    choices: ['003', '004'] as const,
    default: '003' as const,
    describe: 'whose endpoints: rollout service (003), update server (004)',
  },
  model: { type: 'string', default: 'esp32', describe: 'their model' },
  'from-version': { type: 'string', default: '1.0.0', describe: 'what they run at first' },
  prefix: { type: 'string', default: 'virtual-', describe: 'begins their ids' },
  rounds: { type: 'number', default: 1, describe: 'how often each polls' },
  interval: { type: 'number', default: 1, describe: 'seconds between rounds' },
  concurrency: { type: 'number', default: 32, describe: 'devices at the same time' },
  fault: {
    type: 'string',
    array: true,
    nargs: 1,
    default: [] as string[],
    describe: `percent with a fault, as rollback=5: ${pollingFaults.join(', ')}`,
  },
} as const;

export interface PollingArgs {
  readonly count: number | undefined;
  readonly url: string;
  readonly face: '003' | '004';
  readonly model: string;
  readonly 'from-version': string;
  readonly prefix: string;
  readonly rounds: number;
  readonly interval: number;
  readonly concurrency: number;
  readonly fault: readonly string[];
  readonly json: boolean;
}

/** Lets virtual devices poll a service and says after each round how they are. */
export async function runPollingDevices(args: PollingArgs, io: Io): Promise<number> {
  const count = numberBetween('count', args.count ?? 10, 1, 1_000_000);
  let summary: Summary = { rounds: 0, outcomes: {}, versions: {} };
  await simulatePolling({
    url: args.url,
    face: args.face,
    count,
    model: args.model,
    version: args['from-version'],
    prefix: args.prefix,
    faults: Object.fromEntries(args.fault.map(parseFault)),
    concurrency: numberBetween('concurrency', args.concurrency, 1, 1000),
    rounds: numberBetween('rounds', args.rounds, 1, 1e9),
    intervalMs: numberBetween('interval', args.interval, 0, 86_400) * 1000,
    signal: io.signal,
    onRound(round, outcomes, versions) {
      summary = { rounds: round, outcomes: sum(summary.outcomes, outcomes), versions };
      if (args.json) return;
      const counts = Object.entries(outcomes).filter(([, number]) => number > 0);
      const words = [
        ...counts,
        ...Object.entries(versions).map(([version, number]) => [`on ${version}`, number] as const),
      ].map(([name, number]) => `${name} ${number}`);
      line(io.stdout, `round ${round}: ${words.join(', ')}`);
    },
  });
  if (args.json) writeJson(io.stdout, { ok: true, ...summary });
  return 0;
}

type Counts = Readonly<Record<string, number>>;

/** All rounds so far. */
interface Summary {
  readonly rounds: number;
  readonly outcomes: Counts;
  readonly versions: Counts;
}

function sum(before: Counts, more: Counts): Counts {
  const added = Object.entries(more).map(([name, count]) => [name, (before[name] ?? 0) + count]);
  return { ...before, ...Object.fromEntries(added) };
}

/** `rollback=5` */
function parseFault(text: string): [PollingFault, number] {
  const [name, percent] = text.split('=');
  const fault = pollingFaults.find((known) => known === name);
  if (fault !== undefined && percent !== undefined && /^\d{1,3}$/.test(percent))
    return [fault, Number(percent)];
  throw new OtaError('usage', `--fault "${text}" is not understood`, {
    hint: `Use something like rollback=5; there are ${pollingFaults.join(', ')}.`,
  });
}
