import {
  collectDevices,
  type DiscoveredDevice,
  discoveredServices,
} from '../core/lan/discovery.ts';
import { browse } from '../transports/lan/browse.ts';
import type { MdnsOptions } from '../transports/lan/mdns.ts';

export interface DiscoverOptions {
  readonly durationMs: number;
  readonly signal: AbortSignal;
  /** Where multicast DNS is spoken; default as everybody does. */
  readonly mdns?: MdnsOptions;
}

/** Finds the devices in this network that announce that they can be updated. */
export async function discover(options: DiscoverOptions): Promise<DiscoveredDevice[]> {
  const { durationMs, signal, mdns } = options;
  const services = Object.keys(discoveredServices);
  return collectDevices(await browse({ ...mdns, services, durationMs, signal }));
}
