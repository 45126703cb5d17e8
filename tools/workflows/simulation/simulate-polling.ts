import { setTimeout as sleep } from 'node:timers/promises';
import { createPollingFleet, type PollingFleetOptions } from '../../simulator/polling-fleet.ts';

export interface SimulatePollingOptions extends Omit<PollingFleetOptions, 'fetch'> {
  readonly rounds: number;
  readonly intervalMs: number;
  onRound(
    round: number,
    outcomes: Readonly<Record<string, number>>,
    versions: Readonly<Record<string, number>>,
  ): void;
}

/** Lets virtual devices poll for some rounds, or until the signal is aborted. */
export async function simulatePolling(options: SimulatePollingOptions): Promise<void> {
  const fleet = createPollingFleet({ ...options, fetch });
  for (let round = 1; round <= options.rounds && !options.signal.aborted; round += 1) {
    const outcomes = await fleet.round();
    const versions: Record<string, number> = {};
    for (const device of fleet.devices)
      versions[device.version()] = (versions[device.version()] ?? 0) + 1;
    options.onRound(round, outcomes, versions);
    if (round < options.rounds)
      await sleep(options.intervalMs, undefined, { signal: options.signal }).catch(() => undefined);
  }
}
