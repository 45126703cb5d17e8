import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { StatusFeed, StatusFeedParts } from '../../tools/core/fleet/news/status-intake.ts';
import type { ArtifactStore } from '../../tools/service/artifacts/artifact-store.ts';
import { createDiskStore } from '../../tools/service/artifacts/disk-store.ts';
import { createApp } from '../../tools/service/http/app.ts';
import type { Patience } from '../../tools/service/http/server-options.ts';
import {
  createService,
  defaultSettings,
  type ServiceSettings,
} from '../../tools/service/service.ts';
import { openStore, type Store } from '../../tools/service/store/store.ts';

export const adminKey = 'test-key-of-an-administrator';

export interface ServiceOptions {
  readonly settings?: Partial<ServiceSettings>;
  /** Default: SQLite in a folder of its own. */
  readonly database?: string;
  /** An open one; the service closes it. */
  readonly store?: Store;
  readonly artifacts?: ArtifactStore;
  readonly folder?: string;
  readonly now?: () => number;
  /** Default: a free one. */
  readonly port?: number;
  readonly openFeed?: (parts: StatusFeedParts) => StatusFeed;
  readonly patience?: Patience;
}

/** A service for the running test, listening on a free port. */
export async function startService(options: ServiceOptions = {}) {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'ota-service-')));
  const now = options.now ?? Date.now;
  const store =
    options.store ?? (await openStore(options.database ?? `sqlite:${join(folder, 'ota.db')}`));
  const artifacts = options.artifacts ?? (await createDiskStore(join(folder, 'artifacts')));
  const settings = {
    ...defaultSettings,
    apiKey: adminKey,
    deviceRateLimit: 0,
    ...options.settings,
  };
  const service = await createService({
    store,
    artifacts,
    settings,
    openFeed: options.openFeed,
    now,
  });
  const { patience } = options;
  const app = await createApp(service, patience === undefined ? {} : { patience });
  const url = await app.listen({ host: '127.0.0.1', port: options.port ?? 0 });
  service.upkeep.start(app.log);
  let closed = false;
  async function close(): Promise<void> {
    if (closed) return;
    closed = true;
    await app.close();
    await service.close();
  }
  onTestFinished(async () => {
    await close();
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
  });
  return { url, app, service, folder, close, ...clientOf(url) };
}

/** Calls in the ways that tests need. */
export function clientOf(url: string) {
  const admin = { 'x-api-key': adminKey };
  async function call(method: string, path: string, body?: unknown, headers: object = admin) {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      } as Record<string, string>,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const type = response.headers.get('content-type') ?? '';
    return {
      status: response.status,
      headers: response.headers,
      body: (type.includes('json') ? JSON.parse(text) : text) as Record<string, never>,
    };
  }
  return {
    call,
    check: async (id: string, version: string, model = 'esp32') =>
      (
        await call(
          'GET',
          `/api/firmware/check?device_id=${encodeURIComponent(id)}&device_model=${model}&current_version=${version}`,
          undefined,
          {},
        )
      ).body,
    report: (id: string, version: string, status: string, more: object = {}) =>
      call(
        'POST',
        `/api/device/${encodeURIComponent(id)}/update-status`,
        { device_id: id, firmware_version: version, status, ...more },
        {},
      ),
    async download(version: string): Promise<Buffer> {
      const response = await fetch(`${url}/api/firmware/download/${version}`);
      if (!response.ok) throw new Error(`download of ${version}: ${response.status}`);
      return Buffer.from(await response.arrayBuffer());
    },
    async upload(version: string, bytes: Uint8Array, query = '') {
      const form = new FormData();
      form.append('file', new Blob([bytes as Uint8Array<ArrayBuffer>]), 'firmware.bin');
      const path = `/api/admin/firmware/upload?version=${version}&device_model=esp32${query}`;
      const response = await fetch(`${url}${path}`, { method: 'POST', headers: admin, body: form });
      return { status: response.status, body: (await response.json()) as Record<string, never> };
    },
    rollout: (name: string, version: string, more: object = {}) =>
      call('POST', '/api/admin/rollout/create', {
        name,
        firmware_version: version,
        device_model: 'esp32',
        target_type: 'all',
        ...more,
      }),
  };
}
