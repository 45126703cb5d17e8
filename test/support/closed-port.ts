import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * A port that refuses connections until the test ends. It is the near end of a connection: a port that was merely
 * given back is soon given to a neighbour's server.
 */
export async function holdClosedPort(): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {}).resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const holder = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(holder, 'connect');
  onTestFinished(async () => {
    holder.destroy();
    server.close();
    await once(server, 'close');
  });
  return holder.localPort ?? 0;
}
