import type { Audience } from '../../core/fleet/offers/rollout-audience.ts';
import type { ArtifactFacts } from '../../core/release/delivery.ts';
import { templateVariables } from '../../core/release/template.ts';
import { maskUrlCredentials } from '../../core/secrets.ts';
import { createChannelCheck } from '../channel-check.ts';
import { checkTlsSettings, showTlsSettings, type TlsSettings } from '../tls-files.ts';
import { checkHeaders, isHarmlessHeader, showHeaders } from './headers.ts';
import { basicAuthorization, expandUrl } from './url.ts';

/** The `https` block of a manifest, as its schema has it. */
export interface HttpsChannel extends TlsSettings {
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeout?: number;
  readonly verify?: boolean;
  readonly encoding?: 'binary' | 'multipart';
  readonly field?: string;
  readonly allow_http?: boolean;
}

/** Everything of one delivery that is known before it starts. */
export interface HttpsPlan {
  /** Without user and password: those are among the headers. */
  readonly url: URL;
  readonly method: string;
  /** The channel's own, and what follows from the URL's user and password. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly verify: boolean;
  readonly tls: TlsSettings;
  /** The form field, when the body is a form. */
  readonly field?: string;
  readonly allowHttp: boolean;
  /** Whom the server is asked to offer the firmware to. */
  readonly rollout?: Audience;
}

/**
 * Fills defaults and placeholders, and checks what the schema cannot say.
 *
 * @throws OtaError `channel-invalid` with all problems
 */
export function planRequest(channel: HttpsChannel, facts: ArtifactFacts): HttpsPlan {
  const check = createChannelCheck('https');
  const { headers = {}, allow_http: allowHttp = false } = channel;
  const multipart = channel.encoding === 'multipart';
  const given = check.read('url', () =>
    expandUrl(channel.url, templateVariables(facts), allowHttp),
  );
  checkHeaders(check, headers, multipart);
  if (channel.field !== undefined && !multipart) {
    check.add('field', 'needs "encoding": "multipart"');
  }
  const authorization = given === undefined ? undefined : basicAuthorization(given);
  const named = Object.keys(headers).find((name) => name.toLowerCase() === 'authorization');
  if (authorization !== undefined && named !== undefined) {
    check.add(`headers.${named}`, 'the URL names a user as well; keep one of the two');
  }
  const plain = given?.protocol === 'http:' ? 'need a URL with https://' : undefined;
  checkTlsSettings(check, channel, plain);
  check.finish();
  const url = new URL(given as URL);
  url.username = '';
  url.password = '';
  url.hash = '';
  return {
    url,
    method: (channel.method ?? 'PUT').toUpperCase(),
    headers: {
      ...headers,
      ...(authorization === undefined ? {} : { Authorization: authorization }),
    },
    timeoutMs: (channel.timeout ?? 30) * 1000,
    verify: channel.verify ?? true,
    tls: channel,
    ...(multipart ? { field: channel.field ?? 'firmware' } : {}),
    allowHttp,
  };
}

/** Where a request goes, fit to be shown. */
export function showUrl(url: URL): string {
  return maskUrlCredentials(url.href);
}

/** All settings in force, under the names that the channel gives them. */
export function showSettings(plan: HttpsPlan): Record<string, unknown> {
  return {
    url: showUrl(plan.url),
    method: plan.method,
    headers: showHeaders(plan.headers),
    timeout: plan.timeoutMs / 1000,
    verify: plan.verify,
    ...showTlsSettings(plan.tls),
    encoding: plan.field === undefined ? 'binary' : 'multipart',
    ...(plan.field === undefined ? {} : { field: plan.field }),
    allow_http: plan.allowHttp,
  };
}

/** The values that no message may repeat: of headers, whole and without a scheme such as `Bearer`. */
export function secretsOf(plan: HttpsPlan): string[] {
  return Object.entries(plan.headers)
    .filter(([name]) => !isHarmlessHeader(name))
    .flatMap(([, value]) => [value, value.replace(/^\S+\s+/, '')]);
}
