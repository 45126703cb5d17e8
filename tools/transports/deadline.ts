import { cancelledError } from '../core/errors.ts';
import { timeoutFailure } from './network-failure.ts';

/** Ends work when the other side falls silent, or when the user stops it. */
export interface Deadline {
  /** Aborted with the error to report: a `timeout` failure, or `cancelled`. */
  readonly signal: AbortSignal;
  /** Something moved, or something else begins: the clock starts again. */
  touch(sentBytes: number, doing?: string): void;
  stop(): void;
}

export interface DeadlineOptions {
  /** `host:port` of the other side. */
  readonly peer: string;
  readonly timeoutMs: number;
  /** The user's own signal. */
  readonly signal: AbortSignal;
  /** What begins now: `connecting`. */
  readonly doing: string;
}

/** Starts the clock. `timeoutMs` limits each silence, not the whole: a slow link may take its time. */
export function startDeadline(options: DeadlineOptions): Deadline {
  const { peer, timeoutMs, signal } = options;
  const controller = new AbortController();
  let { doing } = options;
  let sentBytes = 0;
  const timer = setTimeout(() => {
    controller.abort(timeoutFailure(peer, doing, timeoutMs, sentBytes));
  }, timeoutMs);
  const cancel = () => controller.abort(cancelledError());
  if (signal.aborted) cancel();
  signal.addEventListener('abort', cancel, { once: true });
  return {
    signal: controller.signal,
    touch(bytes, next = doing) {
      sentBytes = bytes;
      doing = next;
      if (!controller.signal.aborted) timer.refresh();
    },
    stop() {
      clearTimeout(timer);
      signal.removeEventListener('abort', cancel);
    },
  };
}
