import { basicAuthorization } from './url.ts';

/** Requests as a device makes them, which takes no compression. */
export interface Getter {
  /** @param url may hold user and password */
  get(url: string, signal: AbortSignal, options?: GetOptions): Promise<GotFile>;
  close(): Promise<void>;
}

export interface GetOptions {
  /** A Range header (RFC 9110 §14.2). */
  readonly range?: string;
  /** Asks for the headers alone (§9.3.2), as one that takes gzip. */
  readonly headersForGzip?: boolean;
}

export interface GotFile {
  readonly status: number;
  /** Names in lower case; the first value of each. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

export interface GetterOptions {
  /** PEM text of the authorities to trust instead of the system's. */
  readonly ca?: string;
  readonly verify: boolean;
  /** What comes beyond is not read. */
  readonly largestBytes: number;
}

const silenceMs = 15_000;

export async function createGetter(options: GetterOptions): Promise<Getter> {
  const { Agent, request } = await import('undici');
  const { ca, verify, largestBytes } = options;
  const agent = new Agent({
    connect: { ...(ca === undefined ? {} : { ca }), rejectUnauthorized: verify },
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
  });
  return {
    async get(url, signal, { range, headersForGzip = false } = {}) {
      const target = new URL(url);
      const authorization = basicAuthorization(target);
      target.username = '';
      target.password = '';
      const answer = await request(target, {
        dispatcher: agent,
        signal,
        method: headersForGzip ? 'HEAD' : 'GET',
        headers: {
          ...(authorization === undefined ? {} : { authorization }),
          ...(headersForGzip ? { 'accept-encoding': 'gzip' } : {}),
          ...(range === undefined ? {} : { range }),
        },
      });
      const pieces: Buffer[] = [];
      let size = 0;
      for await (const piece of answer.body as AsyncIterable<Buffer>) {
        size += piece.length;
        if (size > largestBytes) break;
        pieces.push(piece);
      }
      const headers = Object.entries(answer.headers).map(([name, value]) => [
        name,
        [value].flat()[0],
      ]);
      const body = Buffer.concat(pieces);
      return { status: answer.statusCode, headers: Object.fromEntries(headers), body };
    },
    close: () => agent.destroy(),
  };
}
