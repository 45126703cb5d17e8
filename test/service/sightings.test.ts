import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DeviceRecord } from '../../tools/core/fleet/attempts/record.ts';
import { createSightings, type Sightings } from '../../tools/service/devices/sightings.ts';
import type { Sighting } from '../../tools/service/store/sighting-write.ts';

const roundMs = 10_000;

function recordOf(number: number | undefined): DeviceRecord {
  return {
    number,
    device: { id: 'd', model: 'esp32', version: '1.0.0', groups: [], setbacks: {} } as never,
    attempt: undefined,
    lastSeenAtMs: 1,
    checkedAtMs: 1,
    createdAtMs: 1,
  };
}

describe('the times at which devices were heard of', () => {
  let written: Sighting[][];
  let away: boolean;
  let sightings: Sightings;
  beforeEach(() => {
    vi.useFakeTimers();
    written = [];
    away = false;
    sightings = createSightings(async (some) => {
      if (away) throw new Error('away');
      written.push([...some]);
    });
  });
  afterEach(async () => {
    await sightings.close();
    vi.useRealTimers();
  });

  it('are written once a round, in the order of the numbers, the last word only', async () => {
    for (const number of [3, 1, 2, 3]) sightings.add(recordOf(number), number, true);
    sightings.add(recordOf(3), 9, false);
    await vi.advanceTimersByTimeAsync(roundMs - 200);
    expect(written).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(written).toEqual([
      [
        { number: 1, lastSeenAtMs: 1, checkedAtMs: 1 },
        { number: 2, lastSeenAtMs: 2, checkedAtMs: 2 },
        { number: 3, lastSeenAtMs: 9, checkedAtMs: 3 },
      ],
    ]);
    expect(sightings.depth()).toBe(0);
  });

  it('are spread over the next round when there are many', async () => {
    for (let number = 1; number <= 30_000; number += 1) sightings.add(recordOf(number), 5, true);
    await vi.advanceTimersByTimeAsync(2 * roundMs);
    expect(written.length).toBe(100);
    expect(Math.max(...written.map(({ length }) => length))).toBe(300);
    expect(written.flat().length).toBe(30_000);
  });

  it('are known before they are written, and while they are', async () => {
    sightings.add(recordOf(7), 5, true);
    const seen = { lastSeenAtMs: 5, checkedAtMs: 5 };
    expect(sightings.apply(recordOf(7))).toMatchObject(seen);
    away = true;
    await vi.advanceTimersByTimeAsync(roundMs + 100);
    expect(sightings.apply(recordOf(7))).toMatchObject(seen);
    sightings.add(recordOf(7), 8, false);
    expect(sightings.apply(recordOf(7))).toMatchObject({ lastSeenAtMs: 8, checkedAtMs: 5 });
    expect(sightings.apply(recordOf(8))).toMatchObject({ lastSeenAtMs: 1, checkedAtMs: 1 });
    away = false;
  });

  it('stay when the database is away, and are written when it is back', async () => {
    away = true;
    sightings.add(recordOf(7), 5, true);
    await vi.advanceTimersByTimeAsync(2 * roundMs);
    expect(sightings.depth()).toBe(1);
    away = false;
    await vi.advanceTimersByTimeAsync(100);
    expect(written.flat()).toEqual([{ number: 7, lastSeenAtMs: 5, checkedAtMs: 5 }]);
  });

  it('of a device that is not stored yet are stored with it', () => {
    sightings.add(recordOf(undefined), 5, true);
    expect(sightings.depth()).toBe(0);
  });
});
