/** One file on the server, while it still has a temporary name. */
export interface RemoteFile {
  readonly temporary: string;
  readonly path: string;
  readonly sha256: string;
}

/** What the server is to do when the firmware has arrived. */
export interface RemotePublication {
  /** The only one that is uploaded. */
  readonly firmware: RemoteFile;
  /** The same bytes under another name. */
  readonly alias: RemoteFile;
  readonly version: RemoteFile & { readonly text: string };
}

/** One word of a POSIX shell, whatever it holds. */
export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Makes the folders, and removes what uploads that were cut off more than a day ago have left there. */
export function remotePrepareScript(folders: readonly string[], temporaryPrefix: string): string {
  const words = folders.map(quoteForShell).join(' ');
  const leftovers = `-type f -name ${quoteForShell(`${temporaryPrefix}*`)} -mtime +0`;
  return asOne([
    `mkdir -p -- ${words}`,
    `find ${words} -maxdepth 1 ${leftovers} -exec rm -f -- {} + 2>/dev/null || :`,
  ]);
}

/**
 * Checks the files, then gives them their names, version.json last. A name that exists is replaced in one step
 * (rename(2)), so that readers see the old file or the new one.
 */
export function remotePublishScript({ firmware, alias, version }: RemotePublication): string {
  const files = [firmware, alias, version];
  return asOne([
    `printf %s ${quoteForShell(version.text)} > ${quoteForShell(version.temporary)}`,
    `cp -- ${quoteForShell(firmware.temporary)} ${quoteForShell(alias.temporary)}`,
    ...files.flatMap(checkLines),
    ...files.map(
      ({ temporary, path }) => `mv -f -- ${quoteForShell(temporary)} ${quoteForShell(path)}`,
    ),
  ]);
}

function checkLines({ temporary, path, sha256 }: RemoteFile): string[] {
  const file = quoteForShell(temporary);
  const complain = (what: string) => `{ echo ${quoteForShell(`${path} ${what}`)} >&2; exit 1; }`;
  return [
    `test ! -d ${quoteForShell(path)} || ${complain('is a folder')}`,
    'if command -v sha256sum >/dev/null 2>&1; then',
    `test "$(sha256sum < ${file} | cut -c1-64)" = ${sha256} || ${complain('arrived damaged')}`,
    'fi',
    `chmod 644 ${file}`,
  ];
}

/** Removes what an upload has left. */
export function remoteCleanScript(temporaries: readonly string[]): string {
  return asOne([`rm -f -- ${temporaries.map(quoteForShell).join(' ')}`]);
}

/** A script for the standard input of `sh`: one that arrives in part does nothing. */
function asOne(lines: readonly string[]): string {
  return ['ota_publish() {', 'set -e', ...lines, '}', 'ota_publish', ''].join('\n');
}
