import { quoted } from '../../core/display-text.ts';
import { OtaError } from '../../core/errors.ts';
import { expandTemplate } from '../../core/release/template.ts';
import { maskUrlText } from '../../core/secrets.ts';

/**
 * Fills the placeholders of a URL and parses it. Values are percent-encoded, so that each keeps to its
 * place; one that the URL would read as "this folder" or "the folder above" is refused.
 *
 * @throws OtaError `channel-invalid`
 */
export function expandUrl(
  template: string,
  variables: Readonly<Record<string, string>>,
  allowHttp: boolean,
): URL {
  const text = expandTemplate(template, variables, encodeUrlValue);
  const shown = quoted(maskUrlText(text));
  if (!URL.canParse(text)) throw invalid(`${shown} is not a URL`);
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw invalid(`${shown} must start with https://`);
  }
  if (url.protocol === 'http:' && !allowHttp) {
    throw invalid(`${shown} has no TLS; use https://, or set "allow_http": true`);
  }
  if (url.port === '0') throw invalid(`${shown} has port 0`);
  decodeCredential(url.username);
  decodeCredential(url.password);
  return url;
}

/** RFC 7617: what a URL says before the `@`, as a header. */
export function basicAuthorization(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  const pair = `${decodeCredential(url.username)}:${decodeCredential(url.password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

/** The host of a URL; an IPv6 address without its brackets. */
export function hostOfUrl(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

/** The port of a URL, written or not. */
export function portOfUrl(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}

/** `host:port` of a URL, the port always written. */
export function peerOfUrl(url: URL): string {
  return `${url.hostname}:${portOfUrl(url)}`;
}

function encodeUrlValue(value: string): string {
  // RFC 3986 §5.2.4; WHATWG reads %2e as a dot too, so that encoding would not help.
  if (value === '.' || value === '..')
    throw invalid(`the value ${quoted(value)} cannot stand in a URL`);
  try {
    return encodeURIComponent(value);
  } catch {
    throw invalid('a value holds half a surrogate pair');
  }
}

function decodeCredential(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('user or password of the URL are not percent-encoded UTF-8');
  }
}

function invalid(message: string): OtaError {
  return new OtaError('channel-invalid', message);
}
