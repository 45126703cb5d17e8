import type { Socket } from 'node:net';

type WriteCallback = (error?: Error | null) => void;

/**
 * Makes a socket tell of a failed write a little later, when it has read what has arrived.
 *
 * A server that refuses an upload answers (HTTP 413, MQTT DISCONNECT, a TLS alert) and closes. The next
 * write fails at once, and Node would close the socket with the answer still unread.
 */
export function deferWriteErrors<Connection extends Socket>(socket: Connection): Connection {
  const { _write: write, _writev: writev } = socket;
  socket._write = (chunk, encoding, callback) => {
    write.call(socket, chunk, encoding, later(callback));
  };
  if (writev !== undefined) {
    socket._writev = (chunks, callback) => writev.call(socket, chunks, later(callback));
  }
  return socket;
}

/** What a write says when the other side has closed. */
const closedByPeer = new Set(['EPIPE', 'ECONNRESET']);

/** The first turn of the event loop may skip reading; the second does not. */
function later(callback: WriteCallback): WriteCallback {
  return (error) => {
    const { code = '' } = (error ?? {}) as NodeJS.ErrnoException;
    if (closedByPeer.has(code)) setImmediate(() => setImmediate(() => callback(error)));
    else callback(error);
  };
}
