import { describe, expect, it } from 'vitest';
import { createKept } from '../../tools/service/kept.ts';

/** Work that takes so long by a clock of its own. */
function someWork(workMs: number) {
  let now = 0;
  let times = 0;
  let broken = false;
  const ask = createKept(
    async () => {
      now += workMs;
      times += 1;
      if (broken) throw new Error('broken');
      return times;
    },
    () => now,
  );
  return {
    ask,
    pass(ms: number) {
      now += ms;
    },
    setBroken(value: boolean) {
      broken = value;
    },
  };
}

describe('a figure that takes time', () => {
  it('is shared by all who ask meanwhile, and kept for ten times as long as it took', async () => {
    const { ask, pass } = someWork(50);
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([1, 1, 1]);
    pass(500);
    expect(await ask()).toBe(1);
    pass(1);
    expect(await ask()).toBe(2);
  });

  it('is tried again at once when it failed', async () => {
    const { ask, setBroken } = someWork(50);
    setBroken(true);
    await expect(ask()).rejects.toThrow('broken');
    setBroken(false);
    expect(await ask()).toBe(2);
  });

  it('is taken anew when that is quick', async () => {
    const { ask } = someWork(5);
    expect([await ask(), await ask()]).toEqual([1, 2]);
  });
});
