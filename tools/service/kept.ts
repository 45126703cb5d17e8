/** A result is kept for so many times as long as it took to get. */
const keptTimes = 10;
/** What is as quick as this is done anew each time. */
const quickMs = 20;

/**
 * Work that everybody may ask for, and that takes longer the larger the fleet is: those who ask meanwhile share a
 * result, and it is kept for a while, so that no more than a tenth of the time goes into it. Failures are not
 * kept, nor is what is quick.
 *
 * @param elapsed milliseconds of a clock that nobody can set
 */
export function createKept<Result>(
  work: () => Promise<Result>,
  elapsed: () => number = () => performance.now(),
): () => Promise<Result> {
  let current: Promise<Result> | undefined;
  let goodUntil = Number.POSITIVE_INFINITY;
  async function begin(): Promise<Result> {
    const began = elapsed();
    goodUntil = Number.POSITIVE_INFINITY;
    try {
      const result = await work();
      const now = elapsed();
      const took = now - began;
      goodUntil = took < quickMs ? began - 1 : now + keptTimes * took;
      return result;
    } catch (error) {
      current = undefined;
      throw error;
    }
  }
  return () => {
    if (current === undefined || elapsed() > goodUntil) current = begin();
    return current;
  };
}
