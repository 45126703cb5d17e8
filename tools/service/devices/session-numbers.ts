import type { ClaimedNumber, SessionNumbers } from '../../core/fleet/news/status-intake.ts';
import { databaseFailed } from '../store/database.ts';
import type { Store } from '../store/store.ts';

/** Numbers for sessions at a broker, one process each (see `SessionNumbers`). */
export function createSessionNumbers({
  claims,
  history,
}: Pick<Store, 'claims' | 'history'>): SessionNumbers {
  const losing = new Map<string, AbortController>();
  claims.onLost((name) => losing.get(name)?.abort());

  async function take(number: number): Promise<ClaimedNumber | undefined> {
    const name = `broker-session:${number}`;
    if (!(await claims.take(name))) return;
    const controller = new AbortController();
    losing.set(name, controller);
    return {
      number,
      lost: controller.signal,
      async release() {
        losing.delete(name);
        if (!controller.signal.aborted) await claims.giveBack(name);
      },
    };
  }

  return {
    async claim() {
      try {
        for (let number = 0; ; number += 1) {
          const claimed = await take(number);
          if (claimed === undefined) continue;
          await history.raise(counter, number + 1).catch(async (error: unknown) => {
            await claimed.release();
            throw error;
          });
          return claimed;
        }
      } catch (error) {
        throw databaseFailed(error);
      }
    },
    async claimOrphan(settled) {
      try {
        const used = await history.raise(counter, 0);
        for (let number = 0; number < used; number += 1) {
          const claimed = await take(number);
          if (claimed === undefined) settled.delete(number);
          else if (settled.has(number)) await claimed.release();
          else return claimed;
        }
        return;
      } catch (error) {
        throw databaseFailed(error);
      }
    },
  };
}

/** How many sessions there have been at the same time. */
const counter = 'broker-sessions';
