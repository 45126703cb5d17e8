import { OtaError } from '../core/errors.ts';

/** How an error is shown to a person: what happened, the findings, what to do, and the code to search for. */
export function renderError(error: unknown, options: { stack?: boolean } = {}): string {
  if (!(error instanceof OtaError)) return renderBug(error);
  const lines = [`error: ${error.message}`];
  for (const detail of error.details) lines.push(`  - ${detail}`);
  if (error.hint !== undefined) lines.push(`hint: ${error.hint}`);
  lines.push(`code: ${error.code}`);
  if (options.stack === true && error.cause !== undefined)
    lines.push(`cause: ${String(error.cause)}`);
  return lines.join('\n');
}

function renderBug(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `error: this is a bug in the toolkit\n${stack}\nhint: Please report it with the lines above.\ncode: internal`;
}

const units = ['B', 'KB', 'MB', 'GB'] as const;

/** `1.2 MB`: one decimal, steps of 1024. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${units[unit]}`;
}

/** Lays out rows in columns; the first row is the head. Trailing spaces are cut. */
export function renderTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
