import { renderTable } from '../render.ts';

/** A label and what stands behind it; rows without a value are left out. */
export type Fact = readonly [label: string, value: string | undefined];

/** Labels in one column, values in the next. */
export function factLines(facts: readonly Fact[]): string[] {
  const known = facts.flatMap(([label, value]) => (value === undefined ? [] : [[label, value]]));
  return known.length === 0 ? [] : indent(renderTable(known), 2);
}

export function indent(text: string, spaces: number): string[] {
  return text.split('\n').map((row) => `${' '.repeat(spaces)}${row}`);
}
