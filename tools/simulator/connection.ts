import type { Socket } from 'node:net';
import { createInbox, type Inbox } from '../transports/esphome/inbox.ts';

/** Why a device stops in the middle of a session. */
export type SessionEnd =
  | { readonly kind: 'gone' }
  | { readonly kind: 'too-slow' }
  | { readonly kind: 'stopped'; readonly why: string };

/** Thrown inside a virtual device to leave its session. */
export class SessionStop extends Error {
  readonly end: SessionEnd;

  constructor(end: SessionEnd) {
    super(end.kind === 'stopped' ? end.why : end.kind);
    this.end = end;
  }
}

/** A device's end of a TCP connection, read piece by piece so that unread bytes slow the sender down. */
export interface Connection {
  /** What arrived and was not taken yet. */
  readonly inbox: Inbox;
  send(bytes: Uint8Array): void;
  /** Until more has arrived. Throws `SessionStop` when the client is gone, or is silent for too long. */
  more(limitMs: number | undefined): Promise<void>;
  /** After sending what is queued. */
  close(): void;
  /** At once, so that the other side sees a reset. */
  reset(): void;
  /** Until the client has closed its side, or the connection is over. */
  readonly ended: Promise<void>;
}

/** Above this, the socket is paused: a device has little memory. */
const fullBytes = 16_384;

/** @param delayMs one way: added to everything that arrives and everything that is sent */
export function createConnection(socket: Socket, delayMs = 0): Connection {
  const inbox = createInbox();
  let over = false;
  let wake: (() => void) | undefined;
  const later = (work: () => void): void => {
    if (delayMs === 0) work();
    else setTimeout(work, delayMs);
  };
  let finish = (): void => {};
  const ended = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const stop = (): void => {
    later(() => {
      over = true;
      finish();
      wake?.();
    });
  };
  socket.setNoDelay(true);
  socket.on('error', stop).on('end', stop).on('close', stop);
  socket.on('data', (bytes: Buffer) => {
    if (inbox.size + bytes.length > fullBytes) socket.pause();
    later(() => {
      inbox.push(bytes);
      wake?.();
    });
  });
  socket.resume();
  return {
    inbox,
    ended,
    send: (bytes) => later(() => void (socket.writable && socket.write(bytes))),
    async more(limitMs) {
      const before = inbox.size;
      socket.resume();
      let timer: NodeJS.Timeout | undefined;
      let tooSlow = false;
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (over) resolve();
        if (limitMs === undefined) return;
        timer = setTimeout(() => {
          tooSlow = true;
          resolve();
        }, limitMs);
      });
      clearTimeout(timer);
      wake = undefined;
      if (inbox.size > before) return;
      throw new SessionStop(tooSlow ? { kind: 'too-slow' } : { kind: 'gone' });
    },
    // As a device closes: what it has not read turns the farewell into a reset.
    close: () => later(() => void socket.end(() => socket.destroy())),
    reset: () => void socket.resetAndDestroy(),
  };
}
