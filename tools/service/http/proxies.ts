import { BlockList, isIP } from 'node:net';
import { OtaError } from '../../core/errors.ts';

/** Whether an address is that of a proxy whose headers are believed. */
export type IsTrusted = (address: string) => boolean;

/**
 * @param proxies addresses and networks: `127.0.0.1`, `10.0.0.0/8`, `fd00::/8`
 * @throws OtaError `service-config-invalid`
 */
export function parseProxies(proxies: readonly string[]): IsTrusted {
  const list = new BlockList();
  for (const text of proxies) addProxy(list, text);
  return (given) => {
    // An IPv4 address may arrive wrapped in IPv6 (RFC 4291 §2.5.5.2).
    const address = given.replace(/^::ffff:(?=\d+\.)/i, '');
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
  };
}

function addProxy(list: BlockList, text: string): void {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  const bits = prefix === undefined || !/^\d{1,3}$/.test(prefix) ? Number.NaN : Number(prefix);
  const isNetwork = prefix !== undefined;
  if (
    family === 0 ||
    rest.length > 0 ||
    (isNetwork && !(bits >= 0 && bits <= (family === 4 ? 32 : 128)))
  )
    throw new OtaError(
      'service-config-invalid',
      `trusted proxy ${JSON.stringify(text)} is neither an address nor a network`,
      { hint: 'For example --trusted-proxy 127.0.0.1 or --trusted-proxy 10.0.0.0/8.' },
    );
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  if (isNetwork) list.addSubnet(address, bits, kind);
  else list.addAddress(address, kind);
}
