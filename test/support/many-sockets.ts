import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';

/** What came back on one connection. */
export interface RawAnswer {
  readonly status: number;
  /** Names in lowercase. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One connection that stays open, with one request at a time: small enough to have ten thousand of them. */
export interface OpenSocket {
  /** `undefined` when the connection ended instead. */
  ask(method: string, path: string, body?: object): Promise<RawAnswer | undefined>;
  close(): void;
}

/** Connects; again when the other side's queue of new connections was full. */
export async function openSocket(port: number): Promise<OpenSocket> {
  const socket = await dial(port);
  let heard = '';
  let waiting: ((answer: RawAnswer | undefined) => void) | undefined;
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => {
    heard += text;
    const answer = parseAnswer(heard);
    if (answer === undefined) return;
    heard = '';
    waiting?.(answer);
  });
  socket.on('close', () => waiting?.(undefined));
  return {
    ask: (method, path, body) =>
      new Promise((resolve) => {
        waiting = resolve;
        if (socket.destroyed) return resolve(undefined);
        const text = body === undefined ? '' : JSON.stringify(body);
        const type = body === undefined ? '' : 'Content-Type: application/json\r\n';
        socket.write(
          `${method} ${path} HTTP/1.1\r\nHost: x\r\n${type}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
        );
      }),
    close: () => socket.destroy(),
  };
}

function dial(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.removeAllListeners('error').on('error', () => undefined);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

function parseAnswer(text: string): RawAnswer | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return;
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const body = text.slice(end + 4);
  if (body.length < Number(headers['content-length'] ?? 0)) return;
  return { status: Number(first.slice(9, 12)), headers, body };
}

/** How many files a process may hold open (Linux); Node raises the soft limit to the hard one when it starts. */
export function openFileLimit(pid: number | 'self' = 'self'): number {
  const limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 1024);
}

/** The most memory that a process has held so far, in MiB (Linux). */
export function peakMemoryMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
}
