import { quoted } from '../../core/display-text.ts';
import { OtaError } from '../../core/errors.ts';
import { expandTemplate } from '../../core/release/template.ts';

/** MQTT 5 §1.5.4: the length of a string is two bytes. */
const maximumTopicBytes = 65_535;

/**
 * Fills a topic's placeholders and checks that a message may be published to it.
 *
 * @throws OtaError `channel-invalid`
 */
export function expandTopic(template: string, variables: Readonly<Record<string, string>>): string {
  const topic = expandTemplate(template, variables, encodeTopicValue);
  const shown = quoted(topic.length > 80 ? `${topic.slice(0, 80)}…` : topic);
  // MQTT 5 §4.7.1: wildcards are for subscriptions. §4.7.3: at least one character, no U+0000.
  if (topic === '') throw invalid('a topic must have at least one character');
  if (/[+#]/.test(topic)) throw invalid(`the topic ${shown} holds a wildcard, + or #`);
  if (/[\p{Cc}\p{Cs}]/u.test(topic)) throw invalid(`the topic ${shown} holds a control character`);
  if (Buffer.byteLength(topic) > maximumTopicBytes) {
    throw invalid(`the topic ${shown} is longer than ${maximumTopicBytes} bytes`);
  }
  return topic;
}

/**
 * A value keeps to its own topic level: separators, wildcards, `$` and control characters are
 * percent-encoded, and so is `%`, so that two values never become one. `1.2.0+7` becomes `1.2.0%2B7`.
 */
function encodeTopicValue(value: string): string {
  return value.replace(/[/+#$%\p{Cc}]/gu, (character) => encodeURIComponent(character));
}

function invalid(message: string): OtaError {
  return new OtaError('channel-invalid', message);
}
