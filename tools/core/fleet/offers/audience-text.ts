import { displayText, quoted } from '../../display-text.ts';
import { OtaError } from '../../errors.ts';
import { didYouMeanSuffix } from '../../schema.ts';
import type { Audience } from './rollout-audience.ts';

/** Longer texts do not travel in a URL; a rollout for more devices is made with groups. */
export const longestAudienceText = 4000;

const hint =
  'Use all, canary:10, groups:a,b, groups:a,b:25 (a quarter of them) or devices:id1,id2.';

/** The kinds by every word that they go by: `group` and `specific` are those of seed 003. */
const kinds = {
  all: 'all',
  canary: 'canary',
  groups: 'groups',
  group: 'groups',
  devices: 'specific',
  specific: 'specific',
} as const;

/**
 * Whom a rollout addresses, in one word: `all`, `canary:10`, `groups:a,b`, `groups:a,b:25`, `devices:a,b`. Ids and
 * names of groups may hold colons; a number at the end of a list of groups is their percentage.
 *
 * @throws OtaError `audience-invalid`
 */
export function parseAudience(text: string): Audience {
  const [word = ''] = text.split(':', 1);
  const rest = text.slice(word.length + 1);
  const flaw = (why: string): OtaError =>
    new OtaError('audience-invalid', `the rollout ${shown(text)} ${why}`, { hint });
  if (text.length > longestAudienceText)
    throw flaw(`is longer than ${longestAudienceText} characters`);
  if (!Object.hasOwn(kinds, word))
    throw flaw(`is for nobody that is known${didYouMeanSuffix(word, Object.keys(kinds))}`);
  const kind = kinds[word as keyof typeof kinds];
  if (kind === 'all' && word === text) return { kind, percentage: 100 };
  if (kind === 'all' || kind === 'canary') {
    const percentage = percentageOf(rest);
    if (percentage === undefined) throw flaw('needs a percentage from 0 to 100');
    return { kind, percentage };
  }
  if (kind === 'specific') {
    const deviceIds = listOf(rest);
    if (deviceIds.length === 0) throw flaw('names no device');
    return { kind, deviceIds };
  }
  const [, names = rest, share = '100'] = /^(.*):(\d+)$/.exec(rest) ?? [];
  const groups = listOf(names);
  const percentage = percentageOf(share);
  if (groups.length === 0) throw flaw('names no group');
  if (percentage === undefined) throw flaw('needs a percentage from 0 to 100 at its end');
  return { kind, groups, percentage };
}

/** The text from which `parseAudience` makes the same audience again. */
export function formatAudience(audience: Audience): string {
  switch (audience.kind) {
    case 'all':
      return audience.percentage === 100 ? 'all' : `all:${audience.percentage}`;
    case 'canary':
      return `canary:${audience.percentage}`;
    case 'specific':
      return `devices:${audience.deviceIds.join(',')}`;
    case 'groups': {
      const names = audience.groups.join(',');
      // A name that ends like a percentage needs one behind it.
      const whole = audience.percentage === 100 && !/:\d+$/.test(names);
      return `groups:${names}${whole ? '' : `:${audience.percentage}`}`;
    }
  }
}

function percentageOf(text: string): number | undefined {
  return /^\d{1,3}$/.test(text) && Number(text) <= 100 ? Number(text) : undefined;
}

function listOf(text: string): string[] {
  const items = text.split(',').map((item) => item.trim());
  return [...new Set(items.filter((item) => item !== ''))];
}

function shown(text: string): string {
  return text.length > 60 ? `"${displayText(text.slice(0, 60))}…"` : quoted(text);
}
