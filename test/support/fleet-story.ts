import { expect } from 'vitest';
import { bucketOf } from '../../tools/core/fleet/offers/bucket.ts';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import type { Histories } from './histories.ts';
import type { clientOf } from './service.ts';
import type { WatchedFleet } from './watched-fleet.ts';

type Client = ReturnType<typeof clientOf>;

const image = (version: string, sizeBytes: number): Uint8Array =>
  buildImage({ chip: 'esp32', project: 'app', version, sizeBytes });

/**
 * A canary raised from 10 to 25, 50 and 100 %. After each step exactly the devices of the share run the release, and
 * every attempt is confirmed, but for those that were broken off with the service.
 *
 * @param beforeStep called with the percentage that comes next
 */
export async function playCanary(
  client: Client,
  fleet: WatchedFleet,
  beforeStep: (percentage: number) => void = () => undefined,
): Promise<void> {
  expect((await client.upload('2.0.0', image('2.0.0', 20_000))).status).toBe(200);
  await client.rollout('canary', '2.0.0', { target_type: 'canary', rollout_percentage: 10 });
  for (const percentage of [10, 25, 50, 100]) {
    await client.call('PATCH', '/api/admin/rollout/canary', { rollout_percentage: percentage });
    beforeStep(percentage);
    await settle(fleet);
    const expected = fleet.devices.filter(({ id }) => bucketOf(id) < percentage);
    const updated = fleet.devices.filter((device) => device.version() === '2.0.0');
    expect(updated.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
    const { confirmed, failed = 0, ...others } = await attemptsOf(client, 'canary');
    expect([confirmed, others]).toEqual([expected.length, {}]);
    expect(failed).toBeLessThanOrEqual(interruptedOf(fleet).length);
  }
}

/** Rounds until nobody has anything to do: update, then the check that confirms, again for whom a node died. */
async function settle(fleet: WatchedFleet): Promise<void> {
  for (let round = 1; ; round += 1) {
    const { updated, unreachable, failed } = await fleet.round();
    if (round > 1 && updated === 0 && unreachable === 0 && failed === 0) return;
    expect(round).toBeLessThan(10);
  }
}

/**
 * A second rollout that is paused in the middle: some devices have updated, some are in the middle of their download,
 * some hold an offer, most have not asked. Who has begun finishes; nobody else begins, whichever node is asked.
 */
export async function playPausedRollout(client: Client, fleet: WatchedFleet): Promise<void> {
  // More than fits into the buffers of a connection: who has the head has not got the rest.
  await client.upload('3.0.0', image('3.0.0', 3_000_000));
  await client.rollout('second', '3.0.0', { target_type: 'canary', rollout_percentage: 40 });
  const share = fleet.devices.filter(({ id }) => bucketOf(id) < 40);
  // Offered something, and slow to begin.
  const waiting = ['waiting-1', 'waiting-2', 'waiting-3'];
  await client.call('PATCH', '/api/admin/rollout/second', { rollout_percentage: 100 });
  for (const id of waiting) {
    expect(await client.check(id, '2.0.0')).toMatchObject({ latest_version: '3.0.0' });
  }
  await client.call('PATCH', '/api/admin/rollout/second', { rollout_percentage: 40 });
  const hold = fleet.holdDownloads(100, 10, async () => {
    const paused = await client.call('POST', '/api/admin/rollout/second/pause');
    expect(paused.status).toBe(200);
  });
  await fleet.round();
  expect(hold.done).toBe(true);
  expect(hold.offeredAfter).toEqual([]);
  const begun = fleet.devices.filter((device) => device.version() === '3.0.0');
  expect(begun.length).toBeGreaterThanOrEqual(110);
  expect(begun.length).toBeLessThan(200);
  expect(share.length).toBeGreaterThan(600);
  await client.call('PATCH', '/api/admin/rollout/second', { rollout_percentage: 100 });
  for (let round = 0; round < 2; round += 1)
    expect(await fleet.round()).toMatchObject({ updated: 0, unreachable: 0 });
  for (const id of waiting)
    expect(await client.check(id, '2.0.0')).toMatchObject({ reason: 'paused' });
  expect(await attemptsOf(client, 'second')).toEqual({
    confirmed: begun.length,
    cancelled: waiting.length,
  });
}

/** Says how the attempts of a rollout stand. */
export async function attemptsOf(client: Client, name: string): Promise<Record<string, number>> {
  const { body } = await client.call('GET', `/api/admin/rollout/${name}`);
  return body.attempts as unknown as Record<string, number>;
}

function interruptedOf(fleet: WatchedFleet): string[] {
  return fleet.devices.map(({ id }) => id).filter((id) => fleet.logOf(id).interrupted);
}

/** What follows what, in one attempt. */
const next: Readonly<Record<string, readonly string[]>> = {
  new: ['pending', 'downloading', 'downloaded', 'installing', 'installed'],
  pending: ['downloading', 'downloaded', 'installing', 'installed', 'cancelled'],
  downloading: ['downloaded', 'installing', 'installed', 'failed'],
  downloaded: ['installing', 'installed', 'failed'],
  installing: ['installed', 'failed'],
  installed: ['confirmed', 'rolled_back'],
};

/**
 * The history of every device is what the device was told: word for word where every request was answered, a sound
 * one with the same end where the service died in the middle.
 */
export function expectTruth(fleet: WatchedFleet, histories: Histories): void {
  for (const { id } of fleet.devices) {
    const lines = histories.get(id) ?? [];
    const { states, interrupted } = fleet.logOf(id);
    const moves = lines.map((line) => line.split(' ')[1]?.split('>') ?? []);
    if (!interrupted) expect([id, moves.map(([, to]) => to)]).toEqual([id, states]);
    expect([id, moves.at(-1)?.[1]]).toEqual([id, 'confirmed']);
    const times = lines.map((line) => Number(line.split(' ')[3]));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    const attempts = new Map<string, string>();
    for (const line of lines) {
      const [attempt = '', move = ''] = line.split(' ');
      const [from = '', to = ''] = move.split('>');
      expect([id, from]).toEqual([id, attempts.get(attempt) ?? 'new']);
      expect([id, next[from]]).toEqual([id, expect.arrayContaining([to])]);
      attempts.set(attempt, to);
    }
  }
}

/** The same through the service: where every so-manieth device is, and how it got there. */
export async function expectSameTold(
  client: Client,
  fleet: WatchedFleet,
  histories: Histories,
  every: number,
): Promise<void> {
  for (const [index, device] of fleet.devices.entries()) {
    if (index % every !== 0) continue;
    const { body } = await client.call('GET', `/api/admin/devices/${device.id}`);
    expect(body.current_firmware_version).toBe(device.version());
    const told = body.history as unknown as {
      from: string | null;
      to: string;
      attempt_id: number;
    }[];
    const lines = told.map(({ attempt_id: id, from, to }) => `${id} ${from ?? 'new'}>${to}`);
    expect(lines.reverse()).toEqual(
      histories.get(device.id)?.map((line) => line.split(' ').slice(0, 2).join(' ')),
    );
  }
}
