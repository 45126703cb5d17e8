import { type AddressInfo, connect, createServer } from 'node:net';
import { onTestFinished } from 'vitest';

/** Bytes that one side sent before the other answered. */
export interface RecordedTurn {
  readonly from: 'client' | 'device';
  bytes: number;
}

/** Stands between a client and a device and counts who said how much, turn by turn. */
export async function startRecordingProxy(
  devicePort: number,
): Promise<{ readonly port: number; readonly turns: readonly RecordedTurn[] }> {
  const turns: RecordedTurn[] = [];
  const note = (from: RecordedTurn['from'], bytes: number): void => {
    const last = turns.at(-1);
    if (last?.from === from) last.bytes += bytes;
    else turns.push({ from, bytes });
  };
  const server = createServer((client) => {
    const device = connect({ host: '127.0.0.1', port: devicePort });
    for (const [from, socket, other] of [
      ['client', client, device],
      ['device', device, client],
    ] as const) {
      socket.on('data', (bytes) => {
        note(from, bytes.length);
        other.write(bytes);
      });
      socket.on('end', () => other.end()).on('error', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, turns };
}
