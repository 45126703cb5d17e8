import { createHash, pbkdf2Sync, randomBytes } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Connection, createConnection, SessionStop } from './connection.ts';
import { createVirtualFlash, type VirtualFlash } from './virtual-flash.ts';

export interface ArduinoDeviceOptions {
  /** `undefined`: it asks for none. */
  readonly password?: string;
  /** The challenge: MD5 as up to core 3.3.0, SHA-256 as since 3.3.1. Default the newer one. */
  readonly challenge?: 'md5' | 'sha256';
  /** How the password is kept; firmware that came from an older core may keep its MD5. */
  readonly storedAs?: 'md5' | 'sha256';
  readonly flash?: VirtualFlash;
  /** UDP; default 0: one that is free. */
  readonly port?: number;
  readonly faults?: readonly ArduinoFault[];
  /** Takes anything for an image; real devices look for 0xE9. */
  readonly takesAnything?: boolean;
  readonly delayMs?: number;
}

/** Something that goes wrong on purpose. Image positions are in bytes received. */
export interface ArduinoFault {
  /**
   * - `ignore`: says nothing to invitations; `garbage`: answers them with other words
   * - `stay-away`: agrees, but does not connect; `lose-answer`: connects, but its OK is lost
   * - `reset`, `stall`: in the middle of the image; `error`: says `text` at the end
   * - `vanish`: resets after the whole image, without a word
   */
  readonly does:
    | 'ignore'
    | 'garbage'
    | 'stay-away'
    | 'lose-answer'
    | 'reset'
    | 'stall'
    | 'error'
    | 'vanish';
  readonly atByte?: number;
  readonly text?: string;
  /** Only for the first so many invitations; default for all. */
  readonly invitations?: number;
}

export interface ArduinoDevice {
  readonly host: string;
  /** UDP. */
  readonly port: number;
  readonly flash: VirtualFlash;
  readonly invitations: number;
  readonly updates: number;
  idle(): Promise<void>;
  close(): Promise<void>;
}

const host = '127.0.0.1';
const bufferBytes = 1460;

type Waiting = { readonly invited: Invited; readonly nonce: string };

interface Invited {
  readonly port: number;
  readonly sizeBytes: number;
  readonly md5: string;
}

/** Starts a virtual device with ArduinoOTA, which boots in no time. */
export async function startArduinoDevice(
  options: ArduinoDeviceOptions = {},
): Promise<ArduinoDevice> {
  const flash = options.flash ?? createVirtualFlash();
  const udp = createSocket('udp4');
  const open = new Set<Socket>();
  let waiting: Waiting | undefined;
  let invitations = 0;
  let updates = 0;
  let busy = Promise.resolve();

  const has = (does: ArduinoFault['does']): ArduinoFault | undefined =>
    options.faults?.find(
      (fault) => fault.does === does && invitations <= (fault.invitations ?? invitations),
    );
  const accept = (invited: Invited, sender: RemoteInfo): void => {
    if (has('lose-answer') === undefined) say(udp, 'OK', sender);
    if (has('stay-away') !== undefined) return;
    busy = busy.then(() => fetchImage(invited, sender));
  };
  const fetchImage = async (invited: Invited, sender: RemoteInfo): Promise<void> => {
    const socket = connect({ host: sender.address, port: invited.port, noDelay: true });
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    const connection = createConnection(socket, options.delayMs);
    try {
      if (!(await receiveImage(connection, invited, flash, options, has))) return;
      flash.reboot();
      updates += 1;
    } catch (error) {
      if (!(error instanceof SessionStop)) throw error;
    } finally {
      connection.close();
    }
  };
  udp.on('message', (datagram, sender) => {
    const words = datagram.toString('latin1').trim().split(' ');
    if (words[0] === '200' && waiting !== undefined) {
      const { invited, nonce } = waiting;
      waiting = undefined;
      if (answers(options, nonce, words[1] ?? '', words[2] ?? '')) accept(invited, sender);
      else say(udp, 'Authentication Failed', sender);
      return;
    }
    if (words[0] !== '0' || words[3]?.length !== 32) return;
    invitations += 1;
    if (has('ignore') !== undefined) return;
    if (has('garbage') !== undefined) return say(udp, 'HELLO', sender);
    const invited = { port: Number(words[1]), sizeBytes: Number(words[2]), md5: words[3] };
    if (options.password === undefined) return accept(invited, sender);
    const hash = options.challenge ?? 'sha256';
    const nonce = createHash(hash).update(randomBytes(8)).digest('hex');
    waiting = { invited, nonce };
    say(udp, `AUTH ${nonce}`, sender);
  });

  udp.bind(options.port ?? 0, host);
  await once(udp, 'listening');
  return {
    host,
    port: udp.address().port,
    flash,
    get invitations() {
      return invitations;
    },
    get updates() {
      return updates;
    },
    idle: () => busy,
    async close() {
      for (const socket of open) socket.destroy();
      udp.close();
      await once(udp, 'close');
    },
  };
}

function say(udp: UdpSocket, text: string, to: RemoteInfo): void {
  udp.send(text, to.port, to.address);
}

/** Checks an answer as `ArduinoOTA.cpp` does, with its own arithmetic. */
function answers(
  { password = '', challenge = 'sha256', storedAs = challenge }: ArduinoDeviceOptions,
  nonce: string,
  clientNonce: string,
  response: string,
): boolean {
  const stored = createHash(storedAs).update(password).digest('hex');
  const salt = `${nonce}:${clientNonce}`;
  const key =
    challenge === 'md5' ? stored : pbkdf2Sync(stored, salt, 10_000, 32, 'sha256').toString('hex');
  return response === createHash(challenge).update(`${key}:${salt}`).digest('hex');
}

/** Whether the image was committed. */
async function receiveImage(
  connection: Connection,
  invited: Invited,
  flash: VirtualFlash,
  options: ArduinoDeviceOptions,
  has: (does: ArduinoFault['does']) => ArduinoFault | undefined,
): Promise<boolean> {
  const { inbox } = connection;
  const say = (text: string): void => connection.send(Buffer.from(text));
  const writer = flash.begin();
  while (writer.writtenBytes < invited.sizeBytes) {
    if (inbox.size === 0) await connection.more(undefined);
    const data = inbox.take(Math.min(inbox.size, bufferBytes)) ?? Buffer.alloc(0);
    await writer.write(data);
    const reached = (fault: ArduinoFault | undefined): boolean =>
      fault !== undefined && writer.writtenBytes >= (fault.atByte ?? 0);
    if (reached(has('reset'))) {
      connection.reset();
      return false;
    }
    if (reached(has('stall'))) {
      await connection.ended;
      return false;
    }
    say(String(data.length));
  }
  if (has('vanish') !== undefined) {
    connection.reset();
    return false;
  }
  const fault = has('error');
  const problem =
    fault?.text ??
    (writer.digest('md5') !== invited.md5
      ? 'MD5 Check Failed'
      : writer.firstByte !== 0xe9 && options.takesAnything !== true
        ? 'Wrong Magic Byte'
        : undefined);
  if (problem !== undefined) {
    say(`${problem}\r\n`);
    return false;
  }
  writer.commit();
  say('OK');
  return true;
}
