import { once } from 'node:events';
import { connect } from 'node:net';

/** A TCP client that says what it is told and listens, for talking to virtual devices byte by byte. */
export interface RawClient {
  send(bytes: Uint8Array): void;
  /** The next `count` bytes, or fewer when the other side ends before. */
  read(count: number): Promise<Buffer>;
  /** Everything until the other side ends. */
  rest(): Promise<Buffer>;
  close(): void;
}

export async function connectRaw(port: number): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1' });
  let heard = Buffer.alloc(0);
  let over = false;
  socket.on('data', (bytes) => {
    heard = Buffer.concat([heard, bytes]);
    wake();
  });
  let wake = (): void => {};
  const changed = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  socket
    .on('error', () => {})
    .on('close', () => {
      over = true;
      wake();
    });
  await once(socket, 'connect');
  return {
    send: (bytes) => void socket.write(bytes),
    async read(count) {
      while (heard.length < count && !over) await changed();
      const taken = heard.subarray(0, count);
      heard = heard.subarray(count);
      return taken;
    },
    async rest() {
      while (!over) await changed();
      return heard;
    },
    close: () => socket.destroy(),
  };
}
