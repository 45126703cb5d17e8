import { networkInterfaces } from 'node:os';
import type { Answer, StringAnswer } from 'dns-packet';
import type { MulticastDNS } from 'multicast-dns';

/** Where multicast DNS is spoken. The defaults are those of RFC 6762; tests use a port and interface of their own. */
export interface MdnsOptions {
  readonly port?: number;
  /** IPv4 addresses of the interfaces to ask on; default all that are up. */
  readonly interfaces?: readonly string[];
}

export interface MdnsQuestion {
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'PTR' | 'SRV' | 'TXT';
}

/** An open ear for answers, until it is closed. */
export interface Mdns {
  ask(questions: readonly MdnsQuestion[]): void;
  close(): void;
}

/**
 * Listens for multicast DNS answers on every interface: one socket each, because a query leaves a socket on
 * one interface only, and devices often are not behind the default one.
 */
export async function openMdns(
  options: MdnsOptions,
  onAnswers: (answers: readonly Answer[]) => void,
): Promise<Mdns> {
  const { default: createMdns } = await import('multicast-dns');
  const sockets: MulticastDNS[] = (options.interfaces ?? ownAddresses()).map((address) => {
    const socket = createMdns({
      interface: address,
      bind: '0.0.0.0',
      ...(options.port === undefined ? {} : { port: options.port }),
    });
    socket.on('response', ({ answers, additionals }) =>
      onAnswers([...(answers ?? []), ...(additionals ?? [])]),
    );
    // An interface that went down, a packet that is none: others may still answer.
    socket.on('warning', () => {});
    socket.on('error', () => {});
    return socket;
  });
  return {
    ask(questions) {
      for (const socket of sockets) socket.query({ questions: [...questions] });
    },
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** RFC 6762 §5.2: the second query after a second, then at intervals that double. */
const firstRepeatMs = 1000;

/** Asks again and again until the returned function is called. */
export function keepAsking(mdns: Mdns, questions: () => readonly MdnsQuestion[]): () => void {
  let timer: NodeJS.Timeout;
  const ask = (repeatMs: number): void => {
    mdns.ask(questions());
    timer = setTimeout(() => ask(repeatMs * 2), repeatMs);
  };
  ask(firstRepeatMs);
  return () => clearTimeout(timer);
}

/** The addresses that a host name ending in `.local` has; empty when nobody answers in time. */
export async function findMdnsAddresses(
  name: string,
  limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
  options: MdnsOptions = {},
): Promise<string[]> {
  const wanted = name.toLowerCase();
  const found = new Set<string>();
  let heard = (): void => {};
  const mdns = await openMdns(options, (answers) => {
    for (const answer of answers) if (isAddressOf(answer, wanted)) found.add(answer.data);
    if (found.size > 0) heard();
  });
  const stopAsking = keepAsking(mdns, () => [
    { name, type: 'A' },
    { name, type: 'AAAA' },
  ]);
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, limits.timeoutMs);
    heard = () => {
      clearTimeout(timer);
      resolve();
    };
    if (limits.signal.aborted) heard();
    limits.signal.addEventListener('abort', heard, { once: true });
  });
  limits.signal.removeEventListener('abort', heard);
  stopAsking();
  mdns.close();
  return [...found];
}

function isAddressOf(answer: Answer, name: string): answer is StringAnswer {
  return (
    (answer.type === 'A' || answer.type === 'AAAA') &&
    answer.name.toLowerCase() === name &&
    typeof answer.data === 'string'
  );
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) => {
    const usable = (addresses ?? []).find(({ family, internal }) => family === 'IPv4' && !internal);
    return usable === undefined ? [] : [usable.address];
  });
}
