import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import type { Output } from '../io.ts';
import { formatBytes } from '../render.ts';

/** One bar for each name, in the order in which they first appear. */
export interface ProgressBars {
  update(name: string, value: number, total: number, state: string): void;
  /** The last word on a bar, which then stays or goes away. */
  finish(name: string, state: string, stays?: boolean): void;
  close(): void;
}

export function createProgressBars(output: Output): ProgressBars {
  const bars = new Map<string, SingleBar>();
  const multi = new MultiBar(
    {
      format: '{name} {bar} {percentage}% {bytes} {state}',
      stream: output as unknown as NodeJS.WritableStream,
      hideCursor: true,
      clearOnComplete: false,
      barsize: 24,
    },
    Presets.shades_classic,
  );
  return {
    update(name, value, total, state) {
      const payload = { name, state, bytes: formatBytes(value) };
      const bar = bars.get(name);
      if (bar === undefined) bars.set(name, multi.create(total, value, payload));
      else bar.update(value, payload);
    },
    finish(name, state, stays = true) {
      const bar = bars.get(name);
      bar?.update({ state });
      if (bar !== undefined && !stays) multi.remove(bar);
    },
    close: () => multi.stop(),
  };
}
