import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createDeadlines } from '../../tools/service/devices/deadlines.ts';
import { openStore } from '../../tools/service/store/store.ts';
import { aCheck, aReleaseRow, aReport, aRolloutRow, catalogOf } from '../support/store-samples.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const start = 1_000 * dayMs;

/** A fleet in the middle of an update, with both clocks in the test's hands. */
async function aFleet(deadlineMs: number) {
  const folder = await mkdtemp(join(tmpdir(), 'ota-deadlines-'));
  const store = await openStore(`sqlite:${join(folder, 'ota.db')}`);
  onTestFinished(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });
  const release = await store.catalog.addRelease(aReleaseRow());
  await store.catalog.addRollout(aRolloutRow(release?.id ?? 0, { deadline_ms: deadlineMs }));
  const catalog = catalogOf(await store.catalog.load());
  let nowMs = start;
  let elapsedMs = 0;
  let away = false;
  const expire: typeof store.fleet.expire = async (...given) => {
    if (away) throw new Error('the database is away');
    return store.fleet.expire(...given);
  };
  const watch = () =>
    createDeadlines({ store: { expire }, now: () => nowMs, elapsed: () => elapsedMs });
  let deadlines = watch();
  const ids = Array.from({ length: 20 }, (_, index) => `d${index}`);
  for (const id of ids) {
    await store.fleet.change([aCheck(id, '1.0.0', catalog, nowMs)]);
    await store.fleet.change([aReport(id, 'downloading', catalog, nowMs)]);
  }
  return {
    set(jumpMs: number) {
      nowMs += jumpMs;
    },
    setAway(value: boolean) {
      away = value;
    },
    report: (id: string) => store.fleet.change([aReport(id, 'installing', catalog, nowMs)]),
    restart() {
      deadlines = watch();
    },
    /** Lets time go by, with a round every five seconds or, in long stretches, every ten minutes. */
    async pass(durationMs: number): Promise<number> {
      const stepMs = durationMs > hourMs ? 10 * minuteMs : 5000;
      let ended = 0;
      for (let passed = 0; passed < durationMs; passed += stepMs) {
        nowMs += stepMs;
        elapsedMs += stepMs;
        ended += await deadlines.round().catch(() => 0);
      }
      return ended;
    },
  };
}

describe('deadlines', () => {
  it('end the attempts of devices that are silent, soon after a start if they are short', async () => {
    const fleet = await aFleet(minuteMs);
    expect(await fleet.pass(minuteMs)).toBe(0);
    expect(await fleet.pass(5000)).toBe(20);
  });

  it('end nothing when the clock jumps a day ahead and is set right again', async () => {
    const fleet = await aFleet(dayMs);
    await fleet.pass(2 * hourMs);
    fleet.set(dayMs);
    expect(await fleet.pass(30 * minuteMs)).toBe(0);
    fleet.set(-dayMs);
    expect(await fleet.pass(20 * hourMs)).toBe(0);
    expect(await fleet.pass(2 * hourMs)).toBe(20);
  });

  it('end the attempts of those who stay silent for another hour when a jump ahead stays', async () => {
    const fleet = await aFleet(dayMs);
    await fleet.pass(2 * hourMs);
    fleet.set(2 * dayMs);
    await fleet.pass(30 * minuteMs);
    await fleet.report('d3');
    expect(await fleet.pass(40 * minuteMs)).toBe(19);
  });

  it('are late, and end nothing early, when the clock is put back an hour and forth again', async () => {
    const fleet = await aFleet(10 * minuteMs);
    fleet.set(-hourMs);
    await fleet.report('d3');
    expect(await fleet.pass(5 * minuteMs)).toBe(0);
    fleet.set(hourMs);
    expect(await fleet.pass(9 * minuteMs)).toBe(0);
    expect(await fleet.pass(2 * minuteMs)).toBe(19);
    // Its history ran ahead of the clock.
    expect(await fleet.pass(hourMs)).toBe(1);
  });

  it('end nothing in the first round after a long time without the service', async () => {
    const fleet = await aFleet(dayMs);
    fleet.set(3 * dayMs);
    fleet.restart();
    expect(await fleet.pass(50 * minuteMs)).toBe(0);
    await fleet.report('d3');
    expect(await fleet.pass(20 * minuteMs)).toBe(19);
  });

  it('end nothing because the database was away', async () => {
    const fleet = await aFleet(30 * minuteMs);
    await fleet.pass(10 * minuteMs);
    fleet.setAway(true);
    await fleet.pass(50 * minuteMs);
    fleet.setAway(false);
    expect(await fleet.pass(25 * minuteMs)).toBe(0);
    await fleet.report('d3');
    expect(await fleet.pass(10 * minuteMs)).toBe(19);
  });
});
