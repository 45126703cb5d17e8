/** Fills the tables of the README that follow from the code: `npm run readme`. A test fails when they are stale. */
import { readFile, writeFile } from 'node:fs/promises';
import { commands } from '../tools/cli/commands/index.ts';
import { errorCodes } from '../tools/core/error-codes.ts';

/** The README with its tables as the code has them. */
export function fillTables(readme: string): string {
  const commandRows = commands.map(({ usage, summary }) => `| \`ota ${usage}\` | ${summary} |`);
  const errorRows = Object.entries(errorCodes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, { exit, meaning }]) => `| \`${code}\` | ${exit} | ${meaning} |`);
  const filled = fill(readme, 'commands', [
    '| command | what it does |',
    '|---|---|',
    ...commandRows,
  ]);
  return fill(filled, 'errors', ['| code | exit | meaning |', '|---|---|---|', ...errorRows]);
}

function fill(text: string, name: string, lines: readonly string[]): string {
  const pattern = new RegExp(`<!-- ${name} -->[\\s\\S]*?<!-- /${name} -->`);
  if (!pattern.test(text)) throw new Error(`README.md has no place for ${name}`);
  return text.replace(pattern, () =>
    [`<!-- ${name} -->`, ...lines, `<!-- /${name} -->`].join('\n'),
  );
}

const path = new URL('../README.md', import.meta.url);
if (process.argv.includes('--write')) {
  await writeFile(path, fillTables(await readFile(path, 'utf8')));
}
