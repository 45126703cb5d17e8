import { relative } from 'node:path';
import type { Finding } from '../../core/release/findings.ts';
import { type Io, line } from '../io.ts';

/** Prints findings with their remedies. Returns the number of errors among them. */
export function renderFindings(findings: readonly Finding[], io: Io): number {
  for (const finding of findings) {
    const version = finding.version === undefined ? '' : ` (version ${finding.version})`;
    line(
      io.stdout,
      `${finding.level}: ${relative(io.cwd, finding.file) || '.'}${version}: ${finding.message}`,
    );
    for (const detail of finding.details ?? []) line(io.stdout, `  - ${detail}`);
    if (finding.hint !== undefined) line(io.stdout, `  hint: ${finding.hint}`);
    line(io.stdout, `  code: ${finding.code}`);
  }
  return findings.filter(({ level }) => level === 'error').length;
}
