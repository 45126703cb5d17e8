import type { Socket } from 'node:net';

/** How a connection ended that was not at its end. */
export type LinkBreak =
  /** The other side closed in order, or reset the connection. */
  | { readonly kind: 'closed'; readonly cause?: unknown }
  /** Nothing was heard for so long. */
  | { readonly kind: 'silent'; readonly silentMs: number };

/** Thrown where bytes were awaited that will not come. The caller knows what that means. */
export class LinkBroken extends Error {
  readonly reason: LinkBreak;

  constructor(reason: LinkBreak) {
    super(reason.kind, reason.kind === 'closed' ? { cause: reason.cause } : undefined);
    this.reason = reason;
  }
}

/** A connected socket, listened to. */
export interface Line {
  /**
   * Until there are new bytes, or room to write. What has arrived counts even when the connection broke
   * behind it: it may be the other side's last word. Throws `LinkBroken`.
   */
  news(timeoutMs: number): Promise<void>;
  /** Stops listening; the socket stays as it is. */
  close(): void;
}

/** @param signal ends a wait as if the other side had closed; the caller looks at the signal */
export function openLine(
  socket: Socket,
  hear: (bytes: Uint8Array) => void,
  signal: AbortSignal,
): Line {
  let fresh = false;
  let over: LinkBreak | undefined;
  let wake = (): void => {};
  const onData = (bytes: Uint8Array): void => {
    hear(bytes);
    fresh = true;
    wake();
  };
  const onError = (cause?: unknown): void => {
    over ??= { kind: 'closed', cause };
    wake();
  };
  const onEnd = (): void => onError();
  const onDrain = (): void => wake();
  socket.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', onError);
  socket.on('drain', onDrain);
  signal.addEventListener('abort', onEnd, { once: true });
  if (signal.aborted) onEnd();
  return {
    async news(timeoutMs) {
      if (!fresh && over === undefined) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(() => {
            over ??= { kind: 'silent', silentMs: timeoutMs };
            resolve();
          }, timeoutMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      if (!fresh && over !== undefined) throw new LinkBroken(over);
      fresh = false;
    },
    close() {
      socket.off('data', onData).off('drain', onDrain);
      signal.removeEventListener('abort', onEnd);
    },
  };
}

/** The other side hangs up after a success; it gets so long to do it. */
const farewellMs = 1000;

/** Says goodbye without making anybody wait: all is done, whatever happens now. */
export function leave(socket: Socket): void {
  socket.end();
  socket.resume();
  socket.setTimeout(farewellMs, () => socket.destroy());
  socket.unref();
}
