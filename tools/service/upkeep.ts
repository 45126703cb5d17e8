/** Where failures are told. */
export interface UpkeepLog {
  error(facts: object, message: string): void;
}

/** Work that nobody asks for, again and again. */
export interface Upkeep {
  start(log: UpkeepLog): void;
  stop(): void;
}

const roundMs = 5000;

/**
 * Does each of these every five seconds. A failure is told when it begins, not in every round: what is away comes back.
 *
 * @param tasks by what a failure of them is called
 */
export function createUpkeep(tasks: Readonly<Record<string, () => Promise<unknown>>>): Upkeep {
  const failing = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  async function run(name: string, task: () => Promise<unknown>, log: UpkeepLog): Promise<void> {
    try {
      await task();
      failing.delete(name);
    } catch (error) {
      if (!failing.has(name)) log.error({ err: error }, `${name} failed`);
      failing.add(name);
    }
  }
  return {
    start(log) {
      timer ??= setInterval(() => {
        for (const [name, task] of Object.entries(tasks)) void run(name, task, log);
      }, roundMs);
      timer.unref();
    },
    stop: () => clearInterval(timer),
  };
}
