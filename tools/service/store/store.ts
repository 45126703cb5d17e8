import { type CatalogStore, createCatalogStore } from './catalog-store.ts';
import { openDatabase } from './database.ts';
import { createFleetStore, type FleetStore } from './fleet-store.ts';
import { createHistoryStore, type HistoryStore } from './history-store.ts';
import { createTokenStore, type TokenStore } from './token-store.ts';

/** Everything that the service keeps, behind names that know nothing of SQL. */
export interface Store {
  readonly kind: 'sqlite' | 'postgres';
  readonly fleet: FleetStore;
  readonly catalog: CatalogStore;
  readonly history: HistoryStore;
  readonly tokens: TokenStore;
  /** Calls back when some node changed the catalog. */
  listen(changed: () => void): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the store and brings its tables up to date.
 *
 * @param url `sqlite:FILE` or `postgres://user:password@host:port/name`
 * @throws OtaError `database-failed`, `data-in-use`, `service-config-invalid`
 */
export async function openStore(url: string): Promise<Store> {
  const database = await openDatabase(url);
  return {
    kind: database.kind,
    fleet: createFleetStore(database),
    catalog: createCatalogStore(database),
    history: createHistoryStore(database.db),
    tokens: createTokenStore(database),
    listen: database.listen,
    close: database.close,
  };
}
