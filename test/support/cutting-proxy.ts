import { connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { startServer } from '../../tools/simulator/server.ts';

export interface CuttingProxy {
  readonly port: number;
  /** Resolves when the first connection is cut. */
  readonly cut: Promise<void>;
}

/**
 * Passes TCP connections on, and cuts each that has carried so many bytes to the server. With `thenDown` nobody listens
 * any more after the first cut.
 */
export async function startCuttingProxy(
  toPort: number,
  options: { readonly afterBytes: number; readonly thenDown?: boolean },
): Promise<CuttingProxy> {
  let tellCut = () => {};
  const cut = new Promise<void>((resolve) => {
    tellCut = resolve;
  });
  const server = createServer((client) => {
    const upstream = connect(toPort, '127.0.0.1');
    let carried = 0;
    join(client, upstream);
    client.on('data', (bytes: Buffer) => {
      carried += bytes.length;
      if (carried < options.afterBytes) return;
      client.resetAndDestroy();
      upstream.resetAndDestroy();
      if (options.thenDown === true) server.close();
      tellCut();
    });
  });
  const running = await startServer(server);
  onTestFinished(running.close);
  return { port: running.port, cut };
}

function join(client: Socket, upstream: Socket): void {
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    from.on('error', () => to.destroy());
    from.pipe(to);
  }
}
