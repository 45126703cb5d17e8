import { OtaError } from '../../errors.ts';

/** A topic with places such as `{device}`, read once. */
export interface TopicTemplate {
  readonly text: string;
  /** The places in their order, without braces. */
  readonly names: readonly string[];
  /** What to subscribe to: every level that holds a place becomes `+`. */
  readonly filter: string;
  /** The topic for these values. Throws `OtaError('topic-invalid')` for a value that would leave its level. */
  expand(values: Readonly<Record<string, string>>): string;
  /** The values in a topic that has arrived, or `undefined` when it is another topic. */
  match(topic: string): Readonly<Record<string, string>> | undefined;
}

/** MQTT 5 §1.5.4: the length of a string is two bytes. */
const longestTopicBytes = 65_535;

/**
 * Reads a topic template.
 *
 * @param known the places that may stand in it
 * @throws OtaError `topic-invalid` for wildcards, unknown or repeated places, and empty topics
 */
export function parseTopicTemplate(text: string, known: readonly string[]): TopicTemplate {
  const names = [...text.matchAll(/\{([^{}/]*)\}/g)].map((match) => match[1] ?? '');
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const list = known.map((name) => `{${name}}`).join(', ');
    throw invalid(text, `has {${unknown}}; known here: ${list === '' ? 'none' : list}`);
  }
  if (new Set(names).size < names.length) throw invalid(text, 'has the same place twice');
  checkTopic(text);
  const levels = text.split('/');
  const filter = levels.map((level) => (/\{[^{}]*\}/.test(level) ? '+' : level)).join('/');
  const pattern = new RegExp(
    `^${text
      .split(/\{[^{}/]*\}/)
      .map(escapeRegExp)
      .join('([^/]+)')}$`,
    'u',
  );
  return {
    text,
    names,
    filter,
    expand(values) {
      const topic = text.replace(/\{([^{}/]*)\}/g, (_whole, name: string) =>
        checkValue(name, values[name] ?? ''),
      );
      checkTopic(topic);
      return topic;
    },
    match(topic) {
      const found = pattern.exec(topic);
      if (found === null) return;
      return Object.fromEntries(names.map((name, index) => [name, found[index + 1] ?? '']));
    },
  };
}

/** MQTT 5 §4.7.1: wildcards belong to subscriptions; §4.7.3: one character at least, no U+0000. */
function checkTopic(topic: string): void {
  if (topic === '') throw invalid(topic, 'is empty');
  if (/[+#]/.test(topic)) throw invalid(topic, 'holds a wildcard, + or #');
  if (holdsControls(topic)) throw invalid(topic, 'holds a control character');
  if (Buffer.byteLength(topic) > longestTopicBytes) throw invalid(topic, 'is too long');
}

/** Brokers may pass such topics on (MQTT 5 §1.5.4); nothing can be answered there, or shown. */
export function holdsControls(topic: string): boolean {
  return /[\p{Cc}\p{Cs}]/u.test(topic);
}

function checkValue(name: string, value: string): string {
  if (value !== '' && !/[/+#\p{Cc}\p{Cs}]/u.test(value)) return value;
  throw new OtaError(
    'topic-invalid',
    `${JSON.stringify(value)} cannot stand for {${name}} in a topic`,
    { hint: 'Ids in topics are not empty and hold no / + # and no control characters.' },
  );
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function invalid(topic: string, why: string): OtaError {
  const shown = topic.length > 80 ? `${topic.slice(0, 80)}…` : topic;
  return new OtaError('topic-invalid', `the topic ${JSON.stringify(shown)} ${why}`, {
    hint: 'A topic is levels of text with / between them, such as fleet/{device}/ota/status.',
  });
}
