import type { Socket } from 'node:net';
import { cancelledError } from '../../core/errors.ts';
import { mayHaveCommitted } from '../lan/failures.ts';
import { LinkBroken, leave, openLine } from '../lan/line.ts';
import type { UploadBody } from '../lan/upload-cache.ts';
import { explainBreak } from './failures.ts';
import type { Session, SessionSummary } from './session.ts';
import type { SessionStep } from './steps.ts';

export interface DriveOptions {
  /** The longest silence that is put up with. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  load(step: Extract<SessionStep, { kind: 'load' }>): Promise<UploadBody>;
  onProgress(deliveredBytes: number, totalBytes: number): void;
}

/**
 * Moves bytes between a connected socket and a session until it ends. What has arrived is always read
 * before a broken connection is reported: it may be the device's last word.
 *
 * @throws DeliveryFailure; OtaError `cancelled` where that left the device as it was
 */
export async function driveSession(
  socket: Socket,
  session: Session,
  options: DriveOptions,
): Promise<SessionSummary> {
  const line = openLine(socket, session.receive, options.signal);
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
    if (options.signal.aborted) {
      throw session.state.phase === 'finishing'
        ? mayHaveCommitted('the push was stopped')
        : cancelledError();
    }
    throw error instanceof LinkBroken ? explainBreak(error.reason, session.state) : error;
  } finally {
    line.close();
  }
}
