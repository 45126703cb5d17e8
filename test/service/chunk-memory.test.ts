import { describe, expect, it } from 'vitest';
import { createChunkMemory } from '../../tools/service/artifacts/chunk-memory.ts';

const kibi = 1024;

describe('memory for bytes on their way', () => {
  it('comes in large chunks, and in small ones when much is taken', () => {
    const memory = createChunkMemory();
    const taken = Array.from({ length: 300 }, () => memory.take());
    expect(taken[0]?.length).toBe(512 * kibi);
    expect(taken.at(-1)?.length).toBe(64 * kibi);
    const total = taken.reduce((sum, { length }) => sum + length, 0);
    expect(total).toBeLessThan((96 + 300 / 16) * kibi * kibi);
    for (const chunk of taken) memory.release(chunk, 'unused');
    expect(memory.take().length).toBe(512 * kibi);
  });

  it('is used again, unless somebody may still use it', () => {
    const memory = createChunkMemory();
    memory.take();
    const [read, lost] = [memory.take(), memory.take()];
    memory.release(read, 'unused');
    memory.release(lost, 'in use');
    expect(memory.take()).toBe(read);
    expect(memory.take()).not.toBe(lost);
  });

  it('is given back to the system when all is through', () => {
    const memory = createChunkMemory();
    const chunk = memory.take();
    memory.release(chunk, 'unused');
    expect(memory.take()).not.toBe(chunk);
  });
});
