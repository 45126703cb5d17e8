import { displayText } from '../../core/display-text.ts';
import type { AdminAct } from '../../workflows/admin/act.ts';
import { renderTable } from '../render.ts';

type Entry = Readonly<Record<string, unknown>>;

/** An answer of the service for people: a table of a list, or the facts of one thing with its own lists below. */
export function renderAnswer(act: AdminAct, answer: unknown): string {
  const { place, columns, tell = (entry) => entry } = act;
  const told = place === undefined ? answer : ((answer as Entry)[place] ?? answer);
  if (Array.isArray(told)) return tableOf((told as Entry[]).map(tell), columns);
  return factsOf(tell(told as Entry));
}

function tableOf(
  entries: readonly Entry[],
  columns: readonly string[] = Object.keys(entries[0] ?? {}),
): string {
  return renderTable([columns, ...entries.map((entry) => columns.map((key) => cell(entry[key])))]);
}

function factsOf(entry: Entry): string {
  const all = Object.entries(entry);
  const lists = all.filter(([, value]) => isEntries(value));
  const facts = all.filter(([, value]) => !isEntries(value));
  return [
    renderTable(facts.map(([key, value]) => [key, cell(value)])),
    ...lists.map(([key, value]) => `\n${key}:\n${tableOf(value as Entry[])}`),
  ].join('\n');
}

function isEntries(value: unknown): boolean {
  return Array.isArray(value) && typeof value[0] === 'object' && value[0] !== null;
}

/** Names of devices and texts of their reports come from outside. */
function cell(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-';
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(cell).join(', ');
  if (typeof value !== 'object') return displayText(String(value));
  const pairs = Object.entries(value).map(([key, item]) => `${displayText(key)}=${cell(item)}`);
  return pairs.length === 0 ? '-' : pairs.join(' ');
}
