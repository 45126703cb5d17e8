import type { Socket } from 'node:net';
import { cancelledError } from '../../core/errors.ts';
import { explainBreak, type LinkBreak } from './failures.ts';
import type { Session, SessionSummary } from './session.ts';
import type { SessionStep, UploadBody } from './steps.ts';

export interface DriveOptions {
  /** The longest silence that is put up with. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  load(step: Extract<SessionStep, { kind: 'load' }>): Promise<UploadBody>;
  onProgress(deliveredBytes: number, totalBytes: number): void;
}

/** After a success the device hangs up; it gets so long to do it. */
const farewellMs = 1000;

/**
 * Moves bytes between a connected socket and a session until it ends. What has arrived is always read
 * before a broken connection is reported: it may be the device's last word.
 *
 * @throws DeliveryFailure, OtaError `cancelled`
 */
export async function driveSession(
  socket: Socket,
  session: Session,
  options: DriveOptions,
): Promise<SessionSummary> {
  const line = listen(socket, session, options.signal);
  let body: UploadBody | undefined;
  try {
    for (;;) {
      const step = session.steps.next(body);
      body = undefined;
      if (step.done === true) {
        leave(socket);
        return step.value;
      }
      const wish = step.value;
      if (wish.kind === 'send') socket.write(wish.bytes);
      else if (wish.kind === 'wait') await line.news(options.timeoutMs);
      else if (wish.kind === 'drain') {
        if (socket.writableNeedDrain) await line.news(options.timeoutMs);
      } else if (wish.kind === 'load') body = await options.load(wish);
      else options.onProgress(wish.deliveredBytes, wish.totalBytes);
    }
  } catch (error) {
    socket.destroy();
    if (options.signal.aborted) throw cancelledError();
    throw error instanceof LinkBroken ? explainBreak(error.reason, session.state) : error;
  } finally {
    line.close();
  }
}

class LinkBroken extends Error {
  readonly reason: LinkBreak;

  constructor(reason: LinkBreak) {
    super(reason.kind, { cause: reason.kind === 'closed' ? reason.cause : undefined });
    this.reason = reason;
  }
}

/** Hears what the other side says, and that it says nothing more. */
function listen(socket: Socket, session: Session, signal: AbortSignal) {
  let fresh = false;
  let over: LinkBreak | undefined;
  let wake = (): void => {};
  const hear = (bytes: Uint8Array): void => {
    session.receive(bytes);
    fresh = true;
    wake();
  };
  const end = (cause?: unknown): void => {
    over ??= { kind: 'closed', cause };
    wake();
  };
  const drained = (): void => wake();
  const closed = (): void => end();
  socket.on('data', hear).on('end', closed).on('close', closed).on('error', end);
  socket.on('drain', drained);
  signal.addEventListener('abort', closed, { once: true });
  if (signal.aborted) end();
  return {
    /** Until there are new bytes, or room to write. Throws `LinkBroken` when neither can be or came in time. */
    async news(timeoutMs: number): Promise<void> {
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
    close(): void {
      socket.off('data', hear).off('drain', drained);
      signal.removeEventListener('abort', closed);
    },
  };
}

/** Says goodbye without making anybody wait: the update is committed, whatever happens now. */
function leave(socket: Socket): void {
  socket.end();
  socket.resume();
  socket.setTimeout(farewellMs, () => socket.destroy());
  socket.unref();
}
