import { createPollingFleet, type PollingFleet } from '../../tools/simulator/polling-fleet.ts';
import { type OpenSocket, openSocket } from './many-sockets.ts';

/** What one device went through, as its answers told it. */
export interface DeviceLog {
  /** The states that its attempts must have had, in order. Only the truth while nothing was interrupted. */
  readonly states: readonly string[];
  /** A request of it got no answer, or none that counts: what the service made of that is not known here. */
  readonly interrupted: boolean;
}

/** A fleet whose every exchange with the service is noted. */
export interface WatchedFleet extends PollingFleet {
  logOf(id: string): DeviceLog;
  /** Calls back once, when so many more requests have been made. */
  after(requests: number, act: () => Promise<void>): void;
  /**
   * Lets so many downloads through. The next ones stand in the middle of theirs: they have the head of the answer, not
   * its body. When so many do, `act` is called; when that is done, they go on. Gives the ids that were offered
   * something by a check that began after that.
   */
  holdDownloads(
    letThrough: number,
    count: number,
    act: () => Promise<void>,
  ): { readonly offeredAfter: readonly string[]; readonly done: boolean };
}

interface Exchange {
  readonly id: string;
  readonly kind: 'check' | 'report' | 'download';
  /** Version that runs, or status. */
  readonly word: string;
}

/** A fleet that reaches whichever nodes are alive, in turn. */
export function watchFleet(count: number, urls: () => readonly string[]): WatchedFleet {
  const logs = new Map<string, NotedDevice>();
  const logFor = (id: string) => {
    const known = logs.get(id) ?? { states: [], interrupted: false, wanted: '' };
    logs.set(id, known);
    return known;
  };
  let requests = 0;
  let alarm: { readonly at: number; act(): Promise<void> } | undefined;
  let hold: Hold | undefined;

  function noteAnswer({ id, kind, word }: Exchange, response: PlainAnswer, late: boolean): void {
    const log = logFor(id);
    if (!response.ok) log.interrupted = true;
    else if (kind === 'report') log.states.push(word === 'success' ? 'installed' : word);
    else if (kind === 'check') {
      const answer = JSON.parse(response.body) as Record<string, unknown>;
      noteCheck(log, word, answer.update_available === true ? String(answer.latest_version) : '');
      if (late && answer.update_available === true) hold?.offeredAfter.push(id);
    }
  }

  const ask = createAsker();
  const fleet = createPollingFleet({
    url: 'http://fleet.invalid',
    face: '003',
    count,
    model: 'esp32',
    version: '1.0.0',
    prefix: 'virtual-',
    faults: {},
    concurrency: 32,
    signal: new AbortController().signal,
    async fetch(input, init) {
      const alive = urls();
      requests += 1;
      if (alarm !== undefined && requests >= alarm.at) {
        const { act } = alarm;
        alarm = undefined;
        void act();
      }
      const { pathname, search, searchParams } = new URL(String(input));
      const exchange = exchangeOf(pathname, searchParams, init?.body);
      const late = hold?.done === true;
      try {
        const url = `${alive[requests % alive.length]}${pathname}${search}`;
        if (exchange.kind === 'download') {
          const response = await fetch(url);
          await hold?.join();
          return response;
        }
        const answer = await ask(url, init?.body);
        noteAnswer(exchange, answer, late);
        return new Response(answer.body, { status: answer.status });
      } catch (error) {
        if (exchange.kind !== 'download') logFor(exchange.id).interrupted = true;
        throw error;
      }
    },
  });
  return {
    ...fleet,
    logOf: (id) => logFor(id),
    after(more, act) {
      alarm = { at: requests + more, act };
    },
    holdDownloads(letThrough, most, act) {
      hold = createHold(letThrough, most, act);
      return hold;
    },
  };
}

interface NotedDevice {
  readonly states: string[];
  interrupted: boolean;
  /** The version that it was offered last. */
  wanted: string;
}

const isUnderWay = (state: string | undefined): boolean =>
  state === 'downloading' || state === 'downloaded' || state === 'installing';

interface PlainAnswer {
  readonly ok: boolean;
  readonly status: number;
  readonly body: string;
}

/** Small requests over connections that are used again: tens of thousands of them cost little. */
function createAsker(): (url: string, body: unknown) => Promise<PlainAnswer> {
  const idle = new Map<string, OpenSocket[]>();
  return async (url, body) => {
    const { origin, port, pathname, search } = new URL(url);
    const sockets = idle.get(origin) ?? [];
    idle.set(origin, sockets);
    const socket = sockets.pop() ?? (await openSocket(Number(port)));
    const given = body === null || body === undefined ? undefined : JSON.parse(String(body));
    const answer = await socket.ask(given === undefined ? 'GET' : 'POST', pathname + search, given);
    if (answer === undefined) throw new Error(`${origin} went away`);
    sockets.push(socket);
    const { status } = answer;
    return { ok: status >= 200 && status < 300, status, body: answer.body };
  };
}

function exchangeOf(pathname: string, query: URLSearchParams, body: unknown): Exchange {
  if (pathname.startsWith('/api/firmware/download/')) return { id: '', kind: 'download', word: '' };
  if (body === null || body === undefined)
    return {
      id: query.get('device_id') ?? '',
      kind: 'check',
      word: query.get('current_version') ?? '',
    };
  const { device_id: id = '', status = '' } = JSON.parse(String(body)) as Record<string, string>;
  return { id, kind: 'report', word: status };
}

/** What a check tells about the attempts of a device. */
function noteCheck(log: NotedDevice, runs: string, offered: string): void {
  const last = log.states.at(-1);
  // It asks again in the middle: its download broke off with the node.
  if (isUnderWay(last)) log.interrupted = true;
  if (last === 'installed') log.states.push(runs === log.wanted ? 'confirmed' : 'rolled_back');
  if (offered === '') {
    if (last === 'pending') log.states.push('cancelled');
    return;
  }
  if (last !== 'pending' || log.wanted !== offered) log.states.push('pending');
  log.wanted = offered;
}

interface Hold {
  readonly offeredAfter: string[];
  readonly done: boolean;
  join(): Promise<void>;
}

function createHold(letThrough: number, most: number, act: () => Promise<void>): Hold {
  let held = -letThrough;
  let done = false;
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  return {
    offeredAfter: [],
    get done() {
      return done;
    },
    async join() {
      held += 1;
      if (done || held <= 0) return;
      if (held === most)
        await act().then(() => {
          done = true;
          release();
        });
      await released;
    },
  };
}
