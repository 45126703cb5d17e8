/** The commands of a Markdown page's `console` blocks, in order, without their prompt. */
export function consoleCommands(markdown: string): string[] {
  return [...markdown.matchAll(/```console\n([\s\S]*?)```/g)]
    .flatMap((block) => (block[1] ?? '').split('\n'))
    .filter((line) => line.startsWith('$ '))
    .map((line) => line.slice(2));
}

/** The first block of a language whose first line names a file: ```` ```json ota/manifest.json ````. */
export function fileBlock(markdown: string, name: string): string {
  const start = markdown.indexOf(`${name}\n`);
  if (start < 0) throw new Error(`the page shows no file ${name}`);
  const body = markdown.slice(start + name.length + 1);
  return body.slice(0, body.indexOf('```'));
}

/** Splits a command line as a shell would, for words and quotes only. */
export function splitWords(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    (match) => match[1] ?? match[2] ?? match[3] ?? '',
  );
}
