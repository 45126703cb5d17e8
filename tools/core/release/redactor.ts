import { isSecretKey, masked, maskUrlCredentials } from '../secrets.ts';
import { eachText, type Settings } from './channel.ts';

/** Returns a text without secrets. */
export type Redactor = (text: string) => string;

/** Shorter values would blot out ordinary words. */
const shortestSecret = 4;

/** Placeholders, and the scheme words of an Authorization header. */
const notSecret = /\$(\{|%7B)|^(Basic|Bearer|Digest|Token)$/i;

/**
 * Hides what must not be shown: secrets that came from variables (shown as `${NAME}`) and literal secrets of a
 * channel and other secrets (shown as `***`), wherever they turn up, a server's echo of our headers included.
 */
export function createRedactor(
  fromVariables: ReadonlyMap<string, string>,
  channel: Settings,
  others: readonly string[] = [],
): Redactor {
  const replacements: [string, string][] = [...fromVariables].map(([name, value]) => [
    value,
    `\${${name}}`,
  ]);
  for (const secret of others) replacements.push([secret, masked]);
  eachText(channel, (text, path) => {
    if (!isSecretKey(path.split('.').at(-1) ?? '')) return;
    for (const part of [text, ...text.split(/\s+/)]) replacements.push([part, masked]);
  });
  const usable = replacements
    .flatMap(([value, shown]): [string, string][] => [
      [value, shown],
      [encodeURIComponent(value), shown],
    ])
    .filter(([value]) => value.length >= shortestSecret && !notSecret.test(value))
    .sort(([a], [b]) => b.length - a.length);
  return (text) => {
    let hidden = text;
    for (const [value, shown] of usable) hidden = hidden.replaceAll(value, shown);
    return maskUrlCredentials(hidden);
  };
}
