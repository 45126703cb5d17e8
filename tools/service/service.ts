import { randomBytes } from 'node:crypto';
import type { StatusFeed, StatusFeedParts } from '../core/fleet/news/status-intake.ts';
import { type Access, createAccess } from './access/access.ts';
import { type Audit, createAudit } from './access/audit.ts';
import { createDeviceAuth, type DeviceAuth } from './access/device-auth.ts';
import { createKeys, type Keys } from './access/keys.ts';
import { createLinks, type Links } from './access/links.ts';
import { createTokens, type Tokens } from './access/tokens.ts';
import type { ArtifactStore } from './artifacts/artifact-store.ts';
import { createDeadlines } from './devices/deadlines.ts';
import { createFleet, type Fleet } from './devices/fleet.ts';
import { createIntake } from './devices/intake.ts';
import { createSessionNumbers } from './devices/session-numbers.ts';
import { createDownloads, type Downloads } from './downloads/download.ts';
import { parseProxies } from './http/proxies.ts';
import { type Catalog, createCatalog } from './releases/catalog.ts';
import { createReleases, type Releases } from './releases/releases.ts';
import { createRollouts, type Rollouts } from './releases/rollouts.ts';
import { createUploads, type Uploads } from './releases/uploads.ts';
import type { Store } from './store/store.ts';
import { createUpkeep, type Upkeep } from './upkeep.ts';

/** What the running service is set to; see `schemas/service.schema.json` for the words in files. */
export interface ServiceSettings {
  /** Administrator's key from the environment. */
  readonly apiKey?: string | undefined;
  /** Signs tokens; one of the database is used when absent. */
  readonly tokenSecret?: string | undefined;
  /** Signs download addresses; when given, unsigned ones are refused (seed 004). */
  readonly downloadSecret?: string | undefined;
  readonly downloadTtlS: number;
  readonly publicUrl?: string | undefined;
  readonly maxUploadBytes: number;
  readonly cacheBytes: number;
  /** Requests a minute from one device; 0 is no limit. */
  readonly deviceRateLimit: number;
  /** Requests a minute from one address; 0 is no limit. */
  readonly addressRateLimit: number;
  readonly trustedProxies: readonly string[];
  /** The model of devices that are first heard of over MQTT and do not say it. */
  readonly mqttModel?: string | undefined;
}

export const defaultSettings: ServiceSettings = {
  downloadTtlS: 600,
  maxUploadBytes: 32 * 1024 * 1024,
  cacheBytes: 64 * 1024 * 1024,
  deviceRateLimit: 120,
  addressRateLimit: 60_000,
  trustedProxies: [],
};

/** The parts that routes work with. */
export interface Service {
  readonly settings: ServiceSettings;
  readonly store: Store;
  readonly catalog: Catalog;
  readonly fleet: Fleet;
  readonly releases: Releases;
  readonly uploads: Uploads;
  readonly rollouts: Rollouts;
  readonly access: Access;
  readonly keys: Keys;
  readonly tokens: Tokens;
  readonly deviceAuth: DeviceAuth;
  readonly links: Links;
  readonly downloads: Downloads;
  readonly audit: Audit;
  /** Brings messages from elsewhere, when there is such a place. */
  readonly feed: StatusFeed | undefined;
  /** Deadlines and the like; it is started once requests are answered. */
  readonly upkeep: Upkeep;
  now(): number;
  /** Writes what is in memory and closes the store. */
  close(): Promise<void>;
}

export interface ServiceParts {
  readonly store: Store;
  readonly artifacts: ArtifactStore;
  readonly settings: ServiceSettings;
  /** Makes what brings messages; it is started once requests are answered. */
  readonly openFeed?: ((parts: StatusFeedParts) => StatusFeed) | undefined;
  now(): number;
  /** Milliseconds of a clock that nobody can set. */
  elapsed?(): number;
}

/** Puts the parts together. */
export async function createService({
  store,
  artifacts,
  settings,
  openFeed,
  now,
  elapsed = () => performance.now(),
}: ServiceParts): Promise<Service> {
  const secret = await store.history.setting('secret', () => randomBytes(32).toString('hex'));
  const catalog = await createCatalog(store);
  const audit = createAudit(store, now);
  const tokenSecret = settings.tokenSecret ?? secret;
  const tokens = await createTokens({ secret: tokenSecret, store, catalog, audit, now });
  const fleet = createFleet(store, catalog, now);
  const links = createLinks(settings.downloadSecret ?? secret, settings.downloadTtlS, now);
  const feed = openFeed?.({
    intake: createIntake({ settings, catalog, fleet, links }),
    sessions: createSessionNumbers(store),
    installation: await store.history.setting('installation', () => randomBytes(4).toString('hex')),
  });
  const { maxUploadBytes } = settings;
  const deadlines = createDeadlines({ store: store.fleet, now, elapsed });
  const upkeep = createUpkeep({
    'ending attempts past their deadline': () => deadlines.round(),
    // Should a notification have been lost.
    'asking whether the catalog has moved': () => catalog.refresh(),
    'forgetting tokens that have expired': () => tokens.sweep(),
  });
  return {
    settings,
    store,
    catalog,
    fleet,
    tokens,
    audit,
    feed,
    upkeep,
    now,
    access: createAccess(catalog, tokens, settings.apiKey, now),
    keys: createKeys(store, catalog, audit, now),
    rollouts: createRollouts(store, catalog, audit, now),
    releases: createReleases({ store, catalog, artifacts, audit, maxUploadBytes, now }),
    uploads: createUploads(store, catalog, artifacts, audit, now),
    deviceAuth: createDeviceAuth(tokens, secret, parseProxies(settings.trustedProxies), now),
    links,
    downloads: createDownloads(artifacts, settings.cacheBytes),
    async close() {
      upkeep.stop();
      await feed?.stop();
      await fleet.close().catch(() => undefined);
      await store.close();
    },
  };
}
