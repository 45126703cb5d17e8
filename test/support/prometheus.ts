/** One metric with all of its samples, as Prometheus reads them. */
export interface Metric {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  /** The metric's name, or with `_bucket`, `_sum`, `_count` behind it. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * Reads the text format 0.0.4 whole.
 *
 * @throws Error at the first line that is none of it
 */
export function parsePrometheus(text: string): Map<string, Metric> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const metrics = new Map<string, Metric & { samples: Sample[] }>();
  let current: (Metric & { samples: Sample[] }) | undefined;
  let help: [string, string] | undefined;
  for (const line of text.split('\n').filter((some) => some !== '')) {
    const [, word, name = '', rest = ''] = /^# (HELP|TYPE) (\w+) (.*)$/.exec(line) ?? [];
    if (word === 'HELP') help = [name, rest];
    else if (word === 'TYPE') {
      if (metrics.has(name) || help?.[0] !== name) throw new Error(`out of order: ${line}`);
      current = { name, type: rest, help: help[1], samples: [] };
      metrics.set(name, current);
    } else {
      const sample = parseSample(line);
      const family = sample.name.replace(/_(bucket|sum|count)$/, '');
      if (current === undefined || ![sample.name, family].includes(current.name))
        throw new Error(`belongs to nothing: ${line}`);
      current.samples.push(sample);
    }
  }
  return metrics;
}

function parseSample(line: string): Sample {
  const match = /^(\w+)(?:\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)$/.exec(line);
  if (match === null) throw new Error(`no sample: ${line}`);
  const [, name = '', labels = '', value = ''] = match;
  const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value);
  if (Number.isNaN(number)) throw new Error(`no number: ${line}`);
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(
    ([, key = '', text = '']) => [key, unescapeLabel(text)] as const,
  );
  return { name, labels: Object.fromEntries(pairs), value: number };
}

function unescapeLabel(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
}
