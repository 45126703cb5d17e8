import { OtaError } from '../../core/errors.ts';
import { didYouMeanSuffix } from '../../core/schema.ts';
import { type AdminAct, type AdminArgs, type AdminOption, adminOptions, optionsOf } from './act.ts';
import { adminActs } from './index.ts';

/** Flags that may be repeated. */
const lists: ReadonlySet<AdminOption> = new Set(['group', 'device', 'public-key']);

/**
 * Chooses the act for the words.
 *
 * @throws OtaError `usage` when there is none, when something that it needs is not given, or something is given that
 *   it makes nothing of: an option that is silently ignored was meant
 */
export function chooseAct(words: readonly string[], args: AdminArgs): AdminAct {
  const typed = words.join(' ');
  const act = adminActs.find((candidate) => candidate.words === typed);
  if (act === undefined) throw unknownAct(typed);
  for (const name of adminOptions) requireOne(name, args[name]);
  requireNeeded(act, args);
  const taken = optionsOf(act);
  const idle = adminOptions.filter((name) => args[name] !== undefined && !taken.includes(name));
  if (idle.length === 0) return act;
  throw usage(`ota admin ${typed} makes nothing of ${flags(idle)}`, act);
}

/** Names are given by flags; who gives one as a word is told which flags there are. */
function unknownAct(typed: string): OtaError {
  const meant = adminActs.find(({ words }) => typed.startsWith(`${words} `));
  if (meant !== undefined) {
    const rest = typed.slice(meant.words.length + 1);
    return usage(`ota admin ${meant.words} makes nothing of the word "${rest}"`, meant);
  }
  const known = adminActs.map(({ words }) => words);
  return new OtaError('usage', `unknown act "${typed}"${didYouMeanSuffix(typed, known)}`, {
    hint: `There are: ${known.join(', ')}.`,
  });
}

function requireOne(name: AdminOption, value: unknown): void {
  if (Array.isArray(value) && !lists.has(name))
    throw new OtaError('usage', `--${name} is given ${value.length} times`, {
      hint: 'Give it once.',
    });
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new OtaError('usage', `--${name} takes a number`, { hint: 'Write it in digits.' });
}

function requireNeeded(act: AdminAct, args: AdminArgs): void {
  const isMissing = (name: AdminOption): boolean => args[name] === undefined || args[name] === '';
  const missing = act.needs.filter(isMissing).map((name) => `--${name}`);
  if (act.needsOneOf?.every((name) => args[name] === undefined))
    missing.push(act.needsOneOf.map((name) => `--${name}`).join(' or '));
  if (missing.length > 0) throw usage(`ota admin ${act.words} needs ${missing.join(', ')}`, act);
}

function usage(message: string, act: AdminAct): OtaError {
  const options = optionsOf(act);
  return new OtaError('usage', message, {
    hint: options.length === 0 ? 'It takes no options.' : `It takes ${flags(options)}.`,
  });
}

function flags(names: readonly AdminOption[]): string {
  return names.map((name) => `--${name}`).join(', ');
}
