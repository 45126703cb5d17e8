import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';

/** The TCP port of this machine that one device is invited to connect back to. */
export interface Door {
  readonly port: number;
  /** Aborted when the device has come in. */
  readonly opened: AbortSignal;
  /** Lets in only this address from now on. */
  expect(address: string): void;
  /** The device's connection; `undefined` when it does not come in time, or the signal is aborted. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<Socket | undefined>;
  close(): void;
}

/** @param port 0 takes any that is free */
export async function openDoor(port: number): Promise<Door> {
  const opened = new AbortController();
  let expected = '';
  let visitor: Socket | undefined;
  const server: Server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    if (visitor !== undefined || plainAddress(socket.remoteAddress) !== expected) socket.destroy();
    else {
      visitor = socket;
      opened.abort();
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => resolve());
  });
  return {
    port: (server.address() as AddressInfo).port,
    opened: opened.signal,
    expect(address) {
      expected = plainAddress(address);
    },
    async wait(timeoutMs, signal) {
      const either = AbortSignal.any([opened.signal, signal]);
      if (!either.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeoutMs);
          either.addEventListener('abort', () => {
            clearTimeout(timer);
            resolve();
          });
        });
      }
      return visitor;
    },
    close() {
      server.close();
    },
  };
}

/** Without zone, and IPv4 as such where it comes mapped into IPv6. */
function plainAddress(address = ''): string {
  return address.replace(/^::ffff:/i, '').replace(/%.*$/, '');
}
