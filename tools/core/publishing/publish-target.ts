import { OtaError } from '../errors.ts';
import { maskUrlText } from '../secrets.ts';

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
    if (/^[^/\\]{2,}:/.test(text)) throw refused(text, 'is no host that ssh could reach');
    return { kind: 'folder', path: text };
  }
  const [, host = '', path = ''] = remote;
  // OpenSSH would take such a host for an option.
  if (host.startsWith('-') || host.includes('@-'))
    throw refused(text, 'has a host that starts with -');
  return { kind: 'ssh', host, path: remoteFolder(path) };
}

/**
 * A folder on a server, in a form that every program there takes for the same: relative ones start at the home
 * folder, `~/` says so, too, and none looks like an option.
 *
 * @throws OtaError `usage`
 */
export function remoteFolder(path: string): string {
  if (/[\p{Cc}]/u.test(path)) throw refused(path, 'holds a control character');
  if (/^~[^/]/.test(path)) throw refused(path, 'is in the home folder of another user');
  const fromHome = path.replace(/^~\/*/, '');
  if (fromHome === '') return '.';
  return /^[-~]/.test(fromHome) ? `./${fromHome}` : fromHome;
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

function refused(text: string, why: string): OtaError {
  const shown = text.includes('://') ? maskUrlText(text) : text;
  return new OtaError('usage', `the target ${JSON.stringify(shown)} ${why}`, {
    hint: 'Give a folder (./a:b when it holds a colon), user@host:folder, or an https URL.',
  });
}
