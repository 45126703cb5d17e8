import { OtaError } from '../errors.ts';
import { isSettings, type Settings } from './channel.ts';

/**
 * Parses `--set` words into channel overrides: `mqtt.topic=a/b` becomes `{ mqtt: { topic: 'a/b' } }`. A value
 * that is JSON (a number, `true`, `null`, a list) is taken as such, everything else as text.
 *
 * @throws OtaError `usage` for a word without `transport.key=`
 */
export function parseAssignments(words: readonly string[]): Settings {
  return words.map(parseAssignment).reduce(mergeKeepingNull, {});
}

function parseAssignment(word: string): Settings {
  const match = /^([^=.]+(?:\.[^=.]+)+)=(.*)$/s.exec(word);
  if (match === null) {
    throw new OtaError('usage', `--set takes transport.key=value, got "${word.split('=')[0]}"`, {
      hint: 'For example: --set mqtt.topic=fleet/canary --set mqtt.qos=2 --set https.headers.X-Ring=1',
    });
  }
  const [, path = '', text = ''] = match;
  return path
    .split('.')
    .reduceRight<unknown>(
      (value, key) => Object.fromEntries([[key, value]]),
      parseValue(text),
    ) as Settings;
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** `null` means "remove this key" to a later merge, so it must survive here. */
function mergeKeepingNull(base: Settings, next: Settings): Settings {
  const [key = ''] = Object.keys(next);
  const value = next[key];
  const under = base[key];
  const bothObjects = isSettings(value) && isSettings(under);
  return { ...base, [key]: bothObjects ? mergeKeepingNull(under, value) : value };
}
