import { escapeUnsafe } from '../core/display-text.ts';

/** Where words go. `columns` is the width of a terminal, or 80. */
export interface Output {
  write(text: string): void;
  readonly isTTY: boolean;
  readonly columns: number;
}

/** Everything a command may touch of the world it runs in; `cli.ts` fills it from `process`. */
export interface Io {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborted by Ctrl-C and by SIGTERM. */
  readonly signal: AbortSignal;
  readStdin(): Promise<string>;
  now(): Date;
  /** In the interval [0, 1). */
  random(): number;
}

/** Writes a line. */
export function line(output: Output, text = ''): void {
  output.write(`${text}\n`);
}

/**
 * Writes a value as JSON for machines: two spaces, one newline at the end. Characters that a terminal would
 * act on are escaped, which JSON takes for the same text.
 */
export function writeJson(output: Output, value: unknown): void {
  line(output, escapeUnsafe(JSON.stringify(value, null, 2)));
}

/** The same on one line, for streams of values and for errors, which may come after some. */
export function writeJsonLine(output: Output, value: unknown): void {
  line(output, escapeUnsafe(JSON.stringify(value)));
}
