import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createChunkSet } from '../../../tools/core/chunks/chunk-set.ts';

describe('a set of chunks', () => {
  it('names what is missing as runs', () => {
    const set = createChunkSet(10);
    for (const index of [0, 3, 4, 9]) expect(set.add(index)).toBe(true);
    expect(set.add(3)).toBe(false);
    expect(set.missing(9)).toEqual([
      [1, 2],
      [5, 8],
    ]);
    expect(set.missing(1)).toEqual([[1, 2]]);
    expect(set.next(1)).toBe(3);
    expect(set.next(10)).toBeUndefined();
    expect(set.remove(3)).toBe(true);
    expect(set.remove(3)).toBe(false);
    expect(set.size).toBe(3);
  });

  it('takes no number outside', () => {
    const set = createChunkSet(3);
    for (const index of [-1, 3, 8, 4_000_000_000]) {
      expect(set.add(index)).toBe(false);
      expect(set.has(index)).toBe(false);
    }
    expect(set.size).toBe(0);
  });

  it('and its gaps make the whole', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.array(fc.nat(199)), (count, present) => {
        const set = createChunkSet(count);
        for (const index of present) set.add(index);
        for (const [first, last] of set.missing(count)) {
          for (let index = first; index <= last; index += 1) expect(set.add(index)).toBe(true);
        }
        expect(set.size).toBe(count);
      }),
    );
  });
});
