import type { BatchEntry } from './batch.ts';
import { hostProblem } from './host.ts';

/** What is asked for, and how such a device is pushed to. */
export const discoveredServices = {
  '_esphomelib._tcp.local': 'esphome',
  '_arduino._tcp.local': 'arduino',
} as const;

type Protocol = (typeof discoveredServices)[keyof typeof discoveredServices];

/** A resource record as it came from the network: its content is not trusted. */
export interface FoundRecord {
  readonly name: string;
  readonly type: string;
  readonly data: unknown;
}

/** A device that announced itself. Texts are as announced: not fit for a terminal. */
export interface DiscoveredDevice {
  /** As the network calls it: `lamp.local`. */
  readonly host: string;
  readonly protocol: Protocol;
  /** For people. */
  readonly name: string;
  readonly addresses: readonly string[];
  /** Of its updater, where the announcement says. */
  readonly port: number | undefined;
  readonly platform: string | undefined;
  readonly board: string | undefined;
  readonly version: string | undefined;
  readonly mac: string | undefined;
  /** What protects an upload: the kind of encryption, or that a password is asked for. */
  readonly security: string | undefined;
}

/**
 * Joins records of multicast DNS (RFC 6763: PTR to an instance, SRV and TXT of it, addresses of its host)
 * into devices, sorted by host. What does not fit together is left out.
 */
export function collectDevices(records: readonly FoundRecord[]): DiscoveredDevice[] {
  const devices = new Map<string, DiscoveredDevice>();
  for (const [service, protocol] of Object.entries(discoveredServices)) {
    for (const instance of instancesOf(service, records)) {
      const device = describe(instance, service, protocol, records);
      // A device that announces both is pushed to in its own protocol.
      if (device !== undefined && !devices.has(device.host)) devices.set(device.host, device);
    }
  }
  return [...devices.values()].sort((a, b) => (a.host < b.host ? -1 : 1));
}

/** The batch file that pushes to these devices; what else is known stands in `x-` keys. */
export function toBatch(devices: readonly DiscoveredDevice[]): (BatchEntry & object)[] {
  return devices.map((device) => ({
    host: device.host,
    name: device.name,
    ...(device.port === undefined ? {} : { port: device.port }),
    'x-protocol': device.protocol,
    ...(device.addresses.length === 0 ? {} : { 'x-addresses': device.addresses }),
    ...known('x-platform', device.platform),
    ...known('x-board', device.board),
    ...known('x-version', device.version),
    ...known('x-mac', device.mac),
    ...known('x-security', device.security),
  }));
}

function known(key: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [key]: value };
}

function instancesOf(service: string, records: readonly FoundRecord[]): string[] {
  const names = records
    .filter(({ name, type }) => type === 'PTR' && same(name, service))
    .flatMap(({ data }) => (typeof data === 'string' ? [data] : []));
  return [...new Set(names)].filter((name) => name.toLowerCase().endsWith(`.${service}`));
}

function describe(
  instance: string,
  service: string,
  protocol: Protocol,
  records: readonly FoundRecord[],
): DiscoveredDevice | undefined {
  const about = (type: string) =>
    records.find((record) => record.type === type && same(record.name, instance))?.data;
  const { target, port } = readSrv(about('SRV'));
  const label = instance.slice(0, -service.length - 1);
  const host = (target ?? `${label}.local`).replace(/\.$/, '').toLowerCase();
  if (hostProblem(host) !== undefined) return;
  const text = readText(about('TXT'));
  return {
    host,
    protocol,
    name: text.get('friendly_name') || label,
    addresses: addressesOf(host, records),
    // ESPHome announces its API there, not its updater.
    port: protocol === 'arduino' ? port : undefined,
    platform: text.get('platform'),
    board: text.get('board'),
    version: text.get('version'),
    mac: text.get('mac'),
    security:
      text.get('api_encryption') ?? (text.get('auth_upload') === 'yes' ? 'password' : undefined),
  };
}

function readSrv(data: unknown): { target?: string; port?: number } {
  const { target, port } = (data ?? {}) as { target?: unknown; port?: unknown };
  const usable = typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536;
  return { ...(typeof target === 'string' ? { target } : {}), ...(usable ? { port } : {}) };
}

/** RFC 6763 §6: strings of `key=value`; keys are compared without case, the first of a kind counts. */
function readText(data: unknown): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const part of [data ?? []].flat()) {
    const text = part instanceof Uint8Array ? Buffer.from(part).toString('utf8') : String(part);
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (key === undefined || value === undefined || value === '') continue;
    if (!pairs.has(key.toLowerCase())) pairs.set(key.toLowerCase(), value.slice(0, 255));
  }
  return pairs;
}

function addressesOf(host: string, records: readonly FoundRecord[]): string[] {
  const found = records
    .filter(({ name, type }) => (type === 'A' || type === 'AAAA') && same(name, host))
    .flatMap(({ data }) => (typeof data === 'string' ? [data] : []));
  return [...new Set(found)];
}

function same(name: string, other: string): boolean {
  return name.toLowerCase().replace(/\.$/, '') === other.toLowerCase();
}
