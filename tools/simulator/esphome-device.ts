import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type Connection, createConnection, SessionStop } from './connection.ts';
import { createDeviceTalk, type DeviceTalkOptions } from './device-talk.ts';
import { type EsphomeSetup, serveUpload } from './esphome-upload.ts';
import type { EsphomeFault } from './faults.ts';
import { type EsphomeFirmware, type Generation, generations } from './firmware.ts';
import { createVirtualFlash, type VirtualFlash } from './virtual-flash.ts';

export interface EsphomeDeviceOptions
  extends Omit<Partial<EsphomeSetup>, 'firmware' | 'flash' | 'random'> {
  /** Default the newest. */
  readonly generation?: Generation;
  /** Changes to the firmware of that generation, such as shorter limits. */
  readonly firmware?: Partial<EsphomeFirmware>;
  readonly flash?: VirtualFlash;
  readonly faults?: readonly EsphomeFault[];
  /** Default 0: one that is free. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** One way, added to everything that travels. */
  readonly delayMs?: number;
  /** How long nothing listens after a success, while it boots. Default 0: boots in no time. */
  readonly downtimeMs?: number;
  readonly random?: (sizeBytes: number) => Uint8Array;
  /** Told what happens, for logs and tests. */
  readonly notify?: (event: EsphomeDeviceEvent) => void;
}

export type EsphomeDeviceEvent =
  | { readonly kind: 'session'; readonly number: number }
  | { readonly kind: 'stalled'; readonly number: number }
  | { readonly kind: 'ended'; readonly number: number; readonly how: string }
  | { readonly kind: 'rebooting' }
  | { readonly kind: 'ready'; readonly port: number };

/** A device on the network that takes uploads as ESPHome firmware does. */
export interface EsphomeDevice {
  readonly host: string;
  readonly port: number;
  readonly flash: VirtualFlash;
  /** Sessions that were begun. */
  readonly sessions: number;
  /** Uploads that were committed. */
  readonly updates: number;
  /** When every client so far has been served, and the device runs what they left. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a virtual device. It serves one client at a time, and boots after each success. */
export async function startEsphomeDevice(
  options: EsphomeDeviceOptions = {},
): Promise<EsphomeDevice> {
  const setup: EsphomeSetup = {
    ...options,
    firmware: { ...generations[options.generation ?? '2026.10'], ...options.firmware },
    flash: options.flash ?? createVirtualFlash(),
    random: options.random ?? randomBytes,
  };
  const { host = '127.0.0.1', downtimeMs = 0 } = options;
  const notify = options.notify ?? (() => {});
  const sockets = new Set<Socket>();
  let server: Server;
  let port = options.port ?? 0;
  let sessions = 0;
  let updates = 0;
  let closed = false;
  let bootTimer: NodeJS.Timeout | undefined;
  /** Clients wait here, connected and unheard, until the one before them is done. */
  let queue: Promise<void> = Promise.resolve();

  const listen = async (): Promise<void> => {
    server = createServer({ pauseOnConnect: true }, (socket) => {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
      queue = queue.then(() => serve(socket));
    });
    server.listen(port, host);
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
    notify({ kind: 'ready', port });
  };
  const serve = async (socket: Socket): Promise<void> => {
    if (socket.destroyed || closed) return;
    sessions += 1;
    const number = sessions;
    notify({ kind: 'session', number });
    const faults = (options.faults ?? []).filter((fault) => number <= (fault.sessions ?? number));
    const how = await serveSession(createConnection(socket, options.delayMs), setup, {
      faults,
      now: () => performance.now(),
      onStall: () => notify({ kind: 'stalled', number }),
    });
    notify({ kind: 'ended', number, how });
    if (!setup.flash.bootsUpdate) return;
    updates += 1;
    reboot(faults.some(({ does }) => does === 'old-image'));
  };
  const reboot = (keepOld: boolean): void => {
    notify({ kind: 'rebooting' });
    setup.flash.reboot({ keepOld });
    if (downtimeMs === 0 || closed) return;
    server.close();
    for (const socket of sockets) socket.destroySoon();
    bootTimer = setTimeout(() => void (closed || listen()), downtimeMs);
  };

  await listen();
  return {
    host,
    flash: setup.flash,
    get port() {
      return port;
    },
    get sessions() {
      return sessions;
    },
    get updates() {
      return updates;
    },
    idle: () => queue,
    async close() {
      closed = true;
      clearTimeout(bootTimer);
      for (const socket of sockets) socket.destroy();
      if (server.listening) {
        server.close();
        await once(server, 'close');
      }
    },
  };
}

const lastWordLimitMs = 1000;

/** One client, from its first byte to the end. Says how it ended. */
async function serveSession(
  connection: Connection,
  setup: EsphomeSetup,
  options: DeviceTalkOptions,
): Promise<string> {
  const talk = createDeviceTalk(connection, options);
  try {
    await serveUpload(talk, setup);
  } catch (error) {
    if (!(error instanceof SessionStop)) throw error;
    const { end } = error;
    // Firmware with a limit for each message says so when it runs out; newer firmware hangs up.
    if (end.kind === 'too-slow' && talk.limit.per === 'message' && talk.limit.ms !== undefined) {
      connection.send(Uint8Array.of(0xff));
    }
    connection.close();
    return error.message;
  }
  // The client's last word changes nothing: the update is committed.
  talk.limit = { ms: lastWordLimitMs, per: 'message' };
  await talk.readField(1).catch(() => undefined);
  connection.close();
  return 'committed';
}
