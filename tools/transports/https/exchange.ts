import { OtaError } from '../../core/errors.ts';
import { DeliveryFailure, type Payload } from '../../core/release/delivery.ts';
import { startDeadline } from '../deadline.ts';
import { toNetworkFailure } from '../network-failure.ts';
import type { HttpAnswer } from './answer.ts';
import type { RequestBody } from './body.ts';
import { createDispatcher, type DispatcherOptions } from './dispatcher.ts';
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

/** So much of an answer is read: enough for an excerpt. */
const answerBytes = 4096;

/**
 * One request, one answer, on a connection of its own. An answer that comes before the body is through
 * counts, and ends the upload.
 *
 * @throws DeliveryFailure for connections that fail, OtaError `cancelled`
 */
export async function exchange(
  request: HttpRequest,
  connection: DispatcherOptions & { readonly signal: AbortSignal },
  onSent: (bytes: number) => void,
): Promise<HttpExchange> {
  const { url, method, headers, body, payload } = request;
  const { timeoutMs, signal } = connection;
  const peer = peerOfUrl(url);
  const dispatcher = await createDispatcher(connection);
  const deadline = startDeadline({ peer, timeoutMs, signal, doing: 'connecting' });
  let sentBytes = 0;
  const track = (sent: number) => {
    sentBytes = sent;
    const all = sent === payload.facts.sizeBytes;
    deadline.touch(sent, all ? 'waiting for the answer' : 'sending the firmware');
    onSent(sent);
  };
  try {
    const answer = await dispatcher.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: method as 'PUT',
      headers: { ...headers, 'Content-Length': String(body.lengthBytes) },
      body: body.chunks(payload, deadline.signal, track) as never,
      signal: deadline.signal,
    });
    const sentBefore = sentBytes;
    return {
      status: answer.statusCode,
      headers: answer.headers,
      text: await readStart(answer.body),
      sentBytes: sentBefore,
    };
  } catch (error) {
    if (deadline.signal.aborted) throw deadline.signal.reason;
    throw error instanceof OtaError ? error : explain(error, peer);
  } finally {
    deadline.stop();
    await dispatcher.destroy();
  }
}

/** The status is what counts: a body that breaks off is taken as far as it came. */
async function readStart(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= answerBytes) break;
    }
  } catch {}
  return Buffer.concat(chunks).subarray(0, answerBytes).toString('utf8');
}

function explain(error: unknown, peer: string): OtaError {
  const proxy = error instanceof Error && /^Proxy response \((\d+)\)/.exec(error.message);
  if (!proxy) return toNetworkFailure(error, peer);
  const denied = proxy[1] === '407';
  return new DeliveryFailure(
    denied ? 'unauthorized' : 'connection-failed',
    `the proxy refused to connect to ${peer}: status ${proxy[1]}`,
    {
      hint: denied
        ? 'Put user and password of the proxy into the proxy variable.'
        : 'Check HTTPS_PROXY and NO_PROXY, and the rules of the proxy.',
      retryable: Number(proxy[1]) >= 500,
      cause: error,
    },
  );
}
