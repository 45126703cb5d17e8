import { type CatalogStore, createCatalogStore } from './catalog-store.ts';
import type { Claims } from './claims.ts';
import { type Database, databaseFailed, isDatabaseFailure, openDatabase } from './database.ts';
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
  readonly claims: Claims;
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
  return createStore(await openDatabase(url));
}

/** The store in an open database. */
export function createStore(database: Database): Store {
  return {
    kind: database.kind,
    fleet: createFleetStore(database),
    catalog: guarded(createCatalogStore(database)),
    history: guarded(createHistoryStore(database.db)),
    tokens: guarded(createTokenStore(database)),
    claims: database.claims,
    listen: database.listen,
    close: database.close,
  };
}

/** The same functions; what the database fails at becomes an error that callers can tell from a bug. */
function guarded<Part extends object>(part: Part): Part {
  const entries = Object.entries(part as Record<string, (...given: unknown[]) => Promise<unknown>>);
  return Object.fromEntries(
    entries.map(([name, use]) => [
      name,
      async (...given: unknown[]) => {
        try {
          return await use(...given);
        } catch (cause) {
          throw isDatabaseFailure(cause) ? databaseFailed(cause) : cause;
        }
      },
    ]),
  ) as Part;
}
