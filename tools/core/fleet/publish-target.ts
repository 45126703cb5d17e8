import { OtaError } from '../errors.ts';

/** Where firmware is published. */
export type PublishTarget =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'ssh'; readonly host: string; readonly path: string }
  | { readonly kind: 'https'; readonly url: string };

/**
 * Reads `DIR`, `user@host:DIR` or a URL. A text with a `/` before its first `:` is a folder, as for scp.
 *
 * @throws OtaError `usage`
 */
export function parsePublishTarget(text: string): PublishTarget {
  if (/^https?:\/\//i.test(text)) {
    if (!URL.canParse(text)) throw refused(text, 'is not a URL');
    return { kind: 'https', url: text.replace(/\/+$/, '') };
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) throw refused(text, 'has an unknown scheme');
  const remote = /^((?:[^/:@\s]+@)?(?:\[[0-9a-f:.]+\]|[^/:@\s[\]]{2,})):(.*)$/is.exec(text);
  if (remote === null) {
    if (text === '') throw refused(text, 'is empty');
    return { kind: 'folder', path: text };
  }
  const [, host = '', path = ''] = remote;
  // OpenSSH would take such a host for an option.
  if (host.startsWith('-') || host.includes('@-'))
    throw refused(text, 'has a host that starts with -');
  if (/[\p{Cc}]/u.test(path)) throw refused(text, 'holds a control character');
  return { kind: 'ssh', host, path: path === '' ? '.' : path };
}

/** One word of a POSIX shell, whatever it holds. */
export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** One file of a publication, in the order in which they take their names. */
export interface PublishFile {
  readonly name: string;
  readonly role: 'firmware' | 'alias' | 'version';
}

/** The firmware under its immutable name, then under the name that devices of the seed ask for, then version.json. */
export function planPublishFiles(firmware: string, alias: string, version: string): PublishFile[] {
  return [
    { name: firmware, role: 'firmware' },
    { name: alias, role: 'alias' },
    { name: version, role: 'version' },
  ];
}

/**
 * What the server runs when all files are there under temporary names: checks them, then gives them their names,
 * version.json last. A name that exists is replaced in one step (rename(2)).
 */
export function remotePublishScript(
  files: readonly { readonly temporary: string; readonly path: string; readonly sha256: string }[],
): string {
  const lines = ['set -e'];
  for (const { temporary, path, sha256 } of files) {
    const file = quoteForShell(temporary);
    lines.push(
      `test ! -d ${quoteForShell(path)}`,
      `if command -v sha256sum >/dev/null 2>&1; then test "$(sha256sum < ${file} | cut -c1-64)" = ${sha256}; fi`,
      `chmod 644 ${file}`,
    );
  }
  for (const { temporary, path } of files) {
    lines.push(`mv -f ${quoteForShell(temporary)} ${quoteForShell(path)}`);
  }
  return lines.join('\n');
}

function refused(text: string, why: string): OtaError {
  return new OtaError('usage', `the target ${JSON.stringify(text)} ${why}`, {
    hint: 'Give a folder, user@host:folder, or an https URL.',
  });
}
