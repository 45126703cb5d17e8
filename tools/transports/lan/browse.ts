import { setTimeout as sleep } from 'node:timers/promises';
import type { FoundRecord } from '../../core/lan/discovery.ts';
import { keepAsking, type MdnsOptions, type MdnsQuestion, openMdns } from './mdns.ts';

export interface BrowseOptions extends MdnsOptions {
  /** Names such as `_esphomelib._tcp.local`. */
  readonly services: readonly string[];
  readonly durationMs: number;
  readonly signal: AbortSignal;
}

/** A chatty or hostile network is not kept in memory without end. */
const mostRecords = 20_000;

/** Everything that is announced about these services in the given time. */
export async function browse(options: BrowseOptions): Promise<FoundRecord[]> {
  const records = new Map<string, FoundRecord>();
  const asked = new Set<string>();
  const mdns = await openMdns(options, (answers) => {
    for (const { name, type, ...rest } of answers) {
      const { data } = rest as { data?: unknown };
      if (records.size < mostRecords) {
        records.set(`${name} ${type} ${JSON.stringify(data)}`, { name, type, data });
      }
    }
    // Most devices send everything at once; what one left out is asked for without waiting.
    const open = missingDetails([...records.values()]);
    const fresh = open.filter(({ name, type }) => !asked.has(`${name} ${type}`));
    for (const { name, type } of fresh) asked.add(`${name} ${type}`);
    if (fresh.length > 0) mdns.ask(fresh.slice(0, mostQuestions));
  });
  const services = options.services.map((name): MdnsQuestion => ({ name, type: 'PTR' }));
  const stopAsking = keepAsking(mdns, () =>
    [...services, ...missingDetails([...records.values()])].slice(0, mostQuestions),
  );
  await sleep(options.durationMs, undefined, { signal: options.signal }).catch(() => undefined);
  stopAsking();
  mdns.close();
  return [...records.values()];
}

/** RFC 6762 §17: a query stays well below what fits into one packet. */
const mostQuestions = 40;

/** SRV and TXT of instances, and addresses of hosts, that have been named but not told. */
function missingDetails(records: readonly FoundRecord[]): MdnsQuestion[] {
  const told = new Set(records.map(({ name, type }) => `${name} ${type}`));
  return records
    .flatMap(({ type, data }): MdnsQuestion[] => {
      if (type === 'PTR' && typeof data === 'string') {
        return [
          { name: data, type: 'SRV' },
          { name: data, type: 'TXT' },
        ];
      }
      const { target } = (data ?? {}) as { target?: unknown };
      return type === 'SRV' && typeof target === 'string' ? [{ name: target, type: 'A' }] : [];
    })
    .filter(({ name, type }) => !told.has(`${name} ${type}`));
}
