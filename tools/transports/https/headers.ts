import { displayText, quoted } from '../../core/display-text.ts';
import { masked, maskSecrets } from '../../core/secrets.ts';
import type { ChannelCheck } from '../channel-check.ts';

/** The transport sets these itself; others would break the framing (RFC 9112 §6). */
const reserved = new Set([
  'connection',
  'content-digest',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** RFC 9110 §5.6.2 and §5.5. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Notes headers that cannot be sent. Values are not repeated: they may be secret. */
export function checkHeaders(
  check: ChannelCheck,
  headers: Readonly<Record<string, string>>,
  multipart: boolean,
): void {
  const seen = new Set<string>();
  for (const [name, value] of Object.entries(headers)) {
    const path = `headers.${displayText(name)}`;
    const lower = name.toLowerCase();
    if (!token.test(name)) check.add('headers', `${quoted(name)} is not a header name`);
    else if (seen.has(lower)) check.add(path, 'stands there twice');
    else if (reserved.has(lower)) check.add(path, 'is set by the transport itself');
    else if (lower === 'content-type' && multipart) {
      check.add(path, 'is set by the transport itself with "encoding": "multipart"');
    }
    if (!fieldValue.test(value)) check.add(path, 'holds a character that no header may hold');
    seen.add(lower);
  }
}

/** Names whose values are shown in a plan; anything else may be a credential under a name of its own. */
const harmless =
  /^(accept|accept-.*|cache-control|content-.*|date|host|if-.*|origin|prefer|referer|user-agent|x-(artifact|build|channel|device|firmware|group|hardware|model|product|project|release|version)(-.*)?)$/i;

export function isHarmlessHeader(name: string): boolean {
  return harmless.test(name);
}

/** Headers fit to be shown. */
export function showHeaders(headers: Readonly<Record<string, string>>): Record<string, unknown> {
  const shown = maskSecrets(headers) as Record<string, unknown>;
  for (const name of Object.keys(shown)) {
    if (!isHarmlessHeader(name)) shown[name] = masked;
  }
  return shown;
}

/** Text for a header: what is not visible ASCII is percent-encoded (RFC 8187 has no simpler way). */
export function headerText(text: string): string {
  return text.replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character));
}
