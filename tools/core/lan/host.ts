/**
 * What is wrong with a text as the host of a device, in words that follow it, or `undefined`. Addresses and
 * names are fine; what else people paste (URLs, ports, user names) is told apart, because a name server would
 * only say that it does not know it.
 */
export function hostProblem(host: string): string | undefined {
  if (host === '') return 'is empty';
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(host)) return 'is a URL; give only its host';
  if (/\s/.test(host)) return 'has blanks in it';
  if (/^[^:]+:\d+$/.test(host)) return 'has a port in it; give that as the port';
  if (/[/@?#]/.test(host)) return 'is no host name';
  if (host.length > 253) return 'is longer than a host name can be';
  // An IPv6 address has colons, and may have a zone; everything else is letters, digits, dots, - and _.
  const address = /^[0-9a-f:.]+(%[\w.-]+)?$/i.test(host) && host.includes(':');
  return address || /^[\w-]+(\.[\w-]+)*\.?$/.test(host) ? undefined : 'is no host name';
}

/** `[fd00::1]` as in URLs is the address itself. */
export function plainHost(host: string): string {
  return host.trim().replace(/^\[(.+)\]$/, '$1');
}
