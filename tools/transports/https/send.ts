import packageJson from '../../../package.json' with { type: 'json' };
import { cancelledError } from '../../core/errors.ts';
import {
  type ArtifactFacts,
  DeliveryFailure,
  type Payload,
  type Receipt,
  type SendContext,
} from '../../core/release/delivery.ts';
import { hideValues } from '../../core/secrets.ts';
import { readTlsFiles } from '../tls-files.ts';
import { statusText, toExcerpt, toHttpFailure } from './answer.ts';
import { binaryBody, multipartBody, type RequestBody } from './body.ts';
import { exchange, type HttpExchange } from './exchange.ts';
import { headerText } from './headers.ts';
import { type HttpsPlan, secretsOf, showUrl } from './plan.ts';
import { parseRedirect } from './redirect.ts';
import { readRollout, rolloutWarnings } from './rollout.ts';

/** One attempt: sends the request, follows redirects, and makes sense of the answer. */
export async function sendOverHttps(
  plan: HttpsPlan,
  payload: Payload,
  context: SendContext,
): Promise<Receipt> {
  if (context.signal.aborted) throw cancelledError();
  const { facts } = payload;
  const files = await readTlsFiles(plan.tls, context.cwd);
  const body = plan.field === undefined ? binaryBody(facts) : multipartBody(facts, plan.field);
  const progress = monotone(context.onProgress);
  const { env, signal } = context;
  const timeoutMs = context.timeoutMs ?? plan.timeoutMs;
  let url = plan.url;
  // Headers and certificates of the channel are for the server that the channel names. Once a redirect
  // has led elsewhere they stay at home, even when the next one leads back.
  let trusted = true;
  for (let followed = 0; ; followed += 1) {
    const { ca } = files;
    const tls = trusted ? files : ca === undefined ? {} : { ca };
    const headers = requestHeaders(plan, body, facts, trusted);
    const answer = await exchange(
      { url, method: plan.method, headers, body, payload },
      { env, tls: { ...tls, verify: plan.verify }, timeoutMs, signal },
      progress,
    );
    const redirect = parseRedirect(url, answer, followed);
    if (redirect === undefined) return toReceipt(plan, url, answer, facts, context);
    url = redirect.url;
    trusted &&= redirect.sameOrigin;
  }
}

/** What the channel says wins over what the transport would say; names differ in case only. */
function requestHeaders(
  plan: HttpsPlan,
  body: RequestBody,
  facts: ArtifactFacts,
  trusted: boolean,
): Record<string, string> {
  const own = {
    'User-Agent': `${packageJson.name}/${packageJson.version}`,
    'X-Firmware-Version': headerText(facts.version),
    'X-Checksum-SHA256': facts.sha256,
    ...(facts.signature === undefined ? {} : { 'X-Firmware-Signature': facts.signature }),
    ...body.headers,
  };
  const configured = trusted ? plan.headers : contentTypeOf(plan.headers);
  const names = new Set(Object.keys(configured).map((name) => name.toLowerCase()));
  const kept = Object.entries(own).filter(([name]) => !names.has(name.toLowerCase()));
  return { ...Object.fromEntries(kept), ...configured };
}

function contentTypeOf(headers: Readonly<Record<string, string>>): Record<string, string> {
  const found = Object.entries(headers).filter(([name]) => name.toLowerCase() === 'content-type');
  return Object.fromEntries(found);
}

function toReceipt(
  plan: HttpsPlan,
  url: URL,
  exchanged: HttpExchange,
  facts: ArtifactFacts,
  context: SendContext,
): Receipt {
  const destination = `${plan.method} ${showUrl(url)}`;
  // A server may send back what it was sent.
  const answer = { ...exchanged, text: hideValues(exchanged.text, secretsOf(plan)) };
  if (answer.status < 200 || answer.status > 299) {
    throw toHttpFailure(destination, answer, context.now());
  }
  if (answer.sentBytes < facts.sizeBytes) {
    throw new DeliveryFailure(
      'http-status',
      `${destination} answered ${statusText(answer)} after ${answer.sentBytes} of ${facts.sizeBytes} bytes`,
      { hint: 'The server cannot have the whole firmware. Its log tells more.', retryable: true },
    );
  }
  const excerpt = toExcerpt(answer.text);
  const words = excerpt === '' ? '' : `: ${excerpt}`;
  const unchecked = url.protocol === 'https:' && !plan.verify;
  const warnings = unchecked
    ? ['the certificate of the server was not checked (verify: false)']
    : [];
  const rollout =
    plan.rollout === undefined ? undefined : readRollout(answer.text, plan.rollout, destination);
  return {
    sentBytes: facts.sizeBytes,
    warnings: [...warnings, ...(rollout === undefined ? [] : rolloutWarnings(rollout))],
    answer: `${statusText(answer)}${words}`,
    ...(rollout === undefined ? {} : { rollout }),
  };
}

/** A redirect starts the body again; what was reported stays reported. */
function monotone(report: (bytes: number) => void): (bytes: number) => void {
  let highest = 0;
  return (bytes) => {
    if (bytes <= highest) return;
    highest = bytes;
    report(bytes);
  };
}
