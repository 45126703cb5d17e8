import { expect } from 'vitest';
import { bucketOf } from '../../tools/core/fleet/bucket.ts';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { createPollingFleet, type PollingFleet } from '../../tools/simulator/polling-fleet.ts';
import type { clientOf } from './service.ts';

type Client = ReturnType<typeof clientOf>;

const image = (version: string): Uint8Array =>
  buildImage({ chip: 'esp32', project: 'app', version, sizeBytes: 4096 });

/** A fleet that reaches whichever node is alive. */
export function aFleet(count: number, urls: () => readonly string[]): PollingFleet {
  let turn = 0;
  return createPollingFleet({
    url: 'http://fleet.invalid',
    face: '003',
    count,
    model: 'esp32',
    version: '1.0.0',
    prefix: 'virtual-',
    faults: {},
    concurrency: 32,
    signal: new AbortController().signal,
    fetch: (input, init) => {
      const alive = urls();
      const { pathname, search } = new URL(String(input));
      turn += 1;
      return fetch(`${alive[turn % alive.length]}${pathname}${search}`, init);
    },
  });
}

/**
 * The story of two rollouts: a canary raised from 10 to 25, 50 and 100 %, then one that is paused in the middle.
 * After each step the fleet is what the rollout says, and every device's history tells the same.
 *
 * @param afterStep called with the percentage that has been reached
 */
export async function playTwoRollouts(
  client: Client,
  fleet: PollingFleet,
  afterStep: (percentage: number) => Promise<void>,
): Promise<void> {
  expect((await client.upload('2.0.0', image('2.0.0'))).status).toBe(200);
  await client.rollout('canary', '2.0.0', { target_type: 'canary', rollout_percentage: 10 });
  for (const percentage of [10, 25, 50, 100]) {
    await client.call('PATCH', '/api/admin/rollout/canary', { rollout_percentage: percentage });
    await fleet.round(); // updates
    await fleet.round(); // confirms
    const expected = fleet.devices.filter(({ id }) => bucketOf(id) < percentage);
    const updated = fleet.devices.filter((device) => device.version() === '2.0.0');
    expect(updated.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
    expect(await attemptsOf(client, 'canary')).toEqual({ confirmed: expected.length });
    await afterStep(percentage);
  }
  await client.upload('3.0.0', image('3.0.0'));
  await client.rollout('second', '3.0.0', { target_type: 'canary', rollout_percentage: 40 });
  await fleet.round();
  await fleet.round();
  await client.call('POST', '/api/admin/rollout/second/pause');
  await client.call('PATCH', '/api/admin/rollout/second', { rollout_percentage: 100 });
  const reached = fleet.devices.filter((device) => device.version() === '3.0.0').length;
  expect(reached).toBe(fleet.devices.filter(({ id }) => bucketOf(id) < 40).length);
  expect((await fleet.round()).updated).toBe(0);
  expect(await attemptsOf(client, 'second')).toEqual({ confirmed: reached });
}

/** Says how the attempts of a rollout stand. */
export async function attemptsOf(client: Client, name: string): Promise<Record<string, number>> {
  const { body } = await client.call('GET', `/api/admin/rollout/${name}`);
  return body.attempts as unknown as Record<string, number>;
}

/** Every device's own history ends where the device is. */
export async function expectTruth(
  client: Client,
  fleet: PollingFleet,
  every: number,
): Promise<void> {
  for (const [index, device] of fleet.devices.entries()) {
    if (index % every !== 0) continue;
    const { body } = await client.call('GET', `/api/admin/devices/${device.id}`);
    const history = body.history as unknown as { to: string }[];
    const updates = body.updates as unknown as { firmware_version: string; state: string }[];
    expect(body.current_firmware_version).toBe(device.version());
    expect(updates[0]).toMatchObject({ firmware_version: device.version(), state: 'confirmed' });
    expect(history.slice(0, 5).map(({ to }) => to)).toEqual([
      'confirmed',
      'installed',
      'installing',
      'downloading',
      'pending',
    ]);
  }
}
