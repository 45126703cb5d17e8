/** Fills the tables of the README and of the guides that follow from the code: `npm run readme`. A test fails when they are stale. */
import { readFile, writeFile } from 'node:fs/promises';
import { commands } from '../tools/cli/commands/index.ts';
import { errorCodes } from '../tools/core/error-codes.ts';
import { checks } from '../tools/core/image/checks/index.ts';

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

/** The guide to images with its table of checks as the code has them. */
export function fillChecks(guide: string): string {
  const rows = checks.map(
    ({ name, level, wants, reason, remedy }) =>
      `| \`${name}\` | ${level} | ${wants} | ${reason} | ${remedy} |`,
  );
  return fill(guide, 'checks', [
    '| check | level | wants | because otherwise | when it fails |',
    '|---|---|---|---|---|',
    ...rows,
  ]);
}

function fill(text: string, name: string, lines: readonly string[]): string {
  const pattern = new RegExp(`<!-- ${name} -->[\\s\\S]*?<!-- /${name} -->`);
  if (!pattern.test(text)) throw new Error(`the page has no place for ${name}`);
  return text.replace(pattern, () =>
    [`<!-- ${name} -->`, ...lines, `<!-- /${name} -->`].join('\n'),
  );
}

if (process.argv.includes('--write')) {
  for (const [page, fillPage] of [
    ['README.md', fillTables],
    ['docs/images.md', fillChecks],
  ] as const) {
    const path = new URL(`../${page}`, import.meta.url);
    await writeFile(path, fillPage(await readFile(path, 'utf8')));
  }
}
