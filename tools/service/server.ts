import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { OtaError } from '../core/errors.ts';
import type { StatusFeed, StatusFeedParts } from '../core/fleet/news/status-intake.ts';
import { maskUrlCredentials } from '../core/secrets.ts';
import { isValidKey } from './access/access.ts';
import { createDiskStore } from './artifacts/disk-store.ts';
import type { ServiceConfig } from './config.ts';
import { createService, type Service } from './service.ts';
import { openStore } from './store/store.ts';

export interface RunningServer {
  readonly url: string;
  /** A key that was made because there was none; shown once. */
  readonly newAdminKey: string | undefined;
  /** Lets requests under way finish, writes what is in memory, and ends. */
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly config: ServiceConfig;
  readonly openFeed?: ((parts: StatusFeedParts) => StatusFeed) | undefined;
  now(): number;
  log(line: string): void;
  /** How long requests under way are waited for when it ends. */
  readonly drainMs?: number;
}

/** Below what service managers wait for before they kill (systemd: 90 s). */
const standardDrainMs = 30_000;

/**
 * Starts a service.
 *
 * @throws OtaError `port-in-use`, `data-in-use`, `database-failed`, `tls-file-unreadable`
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config, openFeed, now, log, drainMs = standardDrainMs } = options;
  const https = await readTls(config);
  const store = await openStore(config.database);
  let service: Service | undefined;
  let app: FastifyInstance | undefined;
  try {
    const artifacts = await createDiskStore(config.artifactFolder);
    // SQLite belongs to one process, and so does what is arriving.
    await artifacts.sweep(await store.catalog.usedHashes(), now(), store.kind === 'sqlite');
    service = await createService({ store, artifacts, settings: config.settings, openFeed, now });
    const newAdminKey = await firstKey(service);
    const { createApp } = await import('./http/app.ts');
    app = await createApp(service, { logger: loggerOf(config, log), https });
    const url = await listen(app, config);
    const [running, parts] = [app, service];
    parts.feed?.start(running.log);
    parts.upkeep.start(running.log);
    return {
      url,
      newAdminKey,
      async close() {
        // Downloads may be slow beyond all patience: they go on elsewhere, by a range.
        const lastCall = setTimeout(() => running.server.closeAllConnections(), drainMs);
        await Promise.all([parts.feed?.stop(), running.close()]);
        clearTimeout(lastCall);
        await parts.close();
      },
    };
  } catch (error) {
    await app?.close();
    await (service ?? store).close();
    throw error;
  }
}

/** Without an administrator's key that lets anybody in, one is made. */
async function firstKey(service: Service): Promise<string | undefined> {
  const { settings, catalog, now } = service;
  const { keys } = catalog.current();
  const hasAdmin = keys.some((key) => key.role === 'admin' && isValidKey(key, now()));
  if (settings.apiKey !== undefined || hasAdmin) return;
  const name = keys.some((key) => key.name === 'admin') ? `admin-${keys.length + 1}` : 'admin';
  const actor = { name: 'first start', role: 'admin' } as const;
  try {
    return await service.keys.create(name, 'admin', undefined, actor);
  } catch (error) {
    // Another node started in the same moment, and shows its own.
    if (error instanceof OtaError && error.code === 'key-exists') return;
    throw error;
  }
}

async function listen(app: FastifyInstance, { host, port }: ServiceConfig): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE') throw cause;
    throw new OtaError('port-in-use', `another process listens on ${host}:${port}`, {
      cause,
      hint: 'Stop it, or give another --port.',
    });
  }
}

async function readTls({ tls }: ServiceConfig): Promise<object | undefined> {
  if (tls === undefined) return;
  const read = (path: string): Promise<Buffer> =>
    readFile(path).catch((cause: unknown) => {
      throw badTlsFile(`cannot read ${path}`, cause);
    });
  const [cert, key] = await Promise.all([read(tls.cert), read(tls.key)]);
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    throw badTlsFile(`${tls.cert} and ${tls.key} are no certificate with its key`, cause);
  }
  if (tls.clientCa === undefined) return { cert, key };
  const ca = await read(tls.clientCa);
  try {
    new X509Certificate(ca);
  } catch (cause) {
    // TLS would take it without a word, and then know no device.
    throw badTlsFile(`${tls.clientCa} is no certificate`, cause);
  }
  // Who must show a certificate is decided per model.
  return { cert, key, ca, requestCert: true, rejectUnauthorized: false };
}

function badTlsFile(message: string, cause: unknown): OtaError {
  return new OtaError('tls-file-unreadable', message, {
    cause,
    hint: 'Check --tls-cert, --tls-key and --tls-client-ca.',
  });
}

/** Structured logs without secrets: addresses are logged with their signatures masked, headers not at all. */
function loggerOf({ logLevel }: ServiceConfig, log: (line: string) => void): object | false {
  if (logLevel === 'silent') return false;
  return {
    level: logLevel,
    base: undefined,
    stream: { write: (line: string) => log(line) },
    serializers: {
      req: (request: { method: string; url: string; ip?: string }) => ({
        method: request.method,
        url: maskUrlCredentials(request.url),
        address: request.ip,
      }),
    },
  };
}
