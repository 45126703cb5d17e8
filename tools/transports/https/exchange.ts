import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Payload } from '../../core/release/delivery.ts';
import { createChange } from '../change.ts';
import { type Deadline, startDeadline } from '../deadline.ts';
import { toNetworkFailure } from '../network-failure.ts';
import type { HttpAnswer } from './answer.ts';
import type { RequestBody } from './body.ts';
import { openRoute, type Route, type RouteOptions } from './route.ts';
import { peerOfUrl } from './url.ts';

export interface HttpRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: RequestBody;
  readonly payload: Payload;
}

export interface HttpExchange extends HttpAnswer {
  /** Bytes of the firmware that had been handed to the connection when the answer came. */
  readonly sentBytes: number;
}

export interface ConnectionOptions extends RouteOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * One request, one answer, on a connection of its own. An answer that comes before the body is through
 * counts, and ends the upload.
 *
 * @throws DeliveryFailure for connections that fail, OtaError `cancelled`
 */
export async function exchange(
  request: HttpRequest,
  connection: ConnectionOptions,
  onSent: (bytes: number) => void,
): Promise<HttpExchange> {
  const { timeoutMs, signal } = connection;
  const peer = peerOfUrl(request.url);
  const deadline = startDeadline({ peer, timeoutMs, signal, doing: 'connecting' });
  let route: Route | undefined;
  try {
    route = await openRoute(request.url, connection, deadline.signal);
    return await converse(route, request, deadline, onSent);
  } catch (error) {
    if (deadline.signal.aborted) throw deadline.signal.reason;
    throw toNetworkFailure(error, peer);
  } finally {
    route?.socket.destroy();
    deadline.stop();
  }
}

async function converse(
  route: Route,
  { url, method, headers, body, payload }: HttpRequest,
  deadline: Deadline,
  onSent: (bytes: number) => void,
): Promise<HttpExchange> {
  const { request } = await import('node:http');
  const length = { 'Content-Length': String(body.lengthBytes) };
  const sending = request({
    createConnection: () => route.socket,
    method,
    path: route.target,
    headers: { Host: url.host, ...headers, ...route.headers, ...length },
  });
  const outcome = watch(sending, deadline.signal);
  // In a TLS record of their own: the body would be shifted against its records, and a server that reads
  // record by record (nginx) would need a quarter more time.
  sending.flushHeaders();
  let sentBytes = 0;
  const track = (sent: number) => {
    sentBytes = sent;
    const all = sent === payload.facts.sizeBytes;
    deadline.touch(sent, all ? 'waiting for the answer' : 'sending the firmware');
    onSent(sent);
  };
  for await (const chunk of body.chunks(payload, deadline.signal, track)) {
    if (outcome.settled()) break;
    sending.write(chunk);
    while (sending.writableNeedDrain && !outcome.settled()) await outcome.change();
  }
  if (!outcome.settled()) sending.end();
  const answer = await outcome.answer();
  const { statusCode: status = 0, statusMessage: reason = '' } = answer;
  const sentBefore = sentBytes;
  return {
    status,
    reason,
    headers: answer.headers,
    text: await readStart(answer),
    sentBytes: sentBefore,
  };
}

/** What has become of a request so far. */
interface Outcome {
  settled(): boolean;
  change(): Promise<void>;
  /** @throws why there will be none */
  answer(): Promise<IncomingMessage>;
}

function watch(sending: ClientRequest, signal: AbortSignal): Outcome {
  const change = createChange();
  let received: IncomingMessage | undefined;
  let failure: Error | undefined;
  sending.on('response', (answer) => {
    received = answer;
    change.notify();
  });
  sending.on('error', (error) => {
    failure = error;
    change.notify();
  });
  sending.on('drain', change.notify);
  signal.addEventListener('abort', () => sending.destroy(signal.reason), { once: true });
  const settled = () => received !== undefined || failure !== undefined;
  return {
    settled,
    change: change.wait,
    async answer() {
      while (!settled()) await change.wait();
      if (received === undefined) throw failure;
      return received;
    },
  };
}

/** So much of an answer is read: enough for an excerpt, and for all that the OTA service has to say. */
const answerBytes = 16_384;

/** The status is what counts: a body that breaks off is taken as far as it came. */
async function readStart(answer: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= answerBytes) break;
    }
  } catch {}
  return Buffer.concat(chunks).subarray(0, answerBytes).toString('utf8');
}
