import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { attemptStates } from '../core/fleet/attempts/attempt.ts';
import type { StatusFeed } from '../core/fleet/news/status-intake.ts';
import { createKept } from './kept.ts';
import type { Catalog } from './releases/catalog.ts';
import type { Service } from './service.ts';
import type { Count } from './store/history-store.ts';

export interface Metrics {
  /** Prometheus text. */
  text(): Promise<string>;
  readonly contentType: string;
  /** The JSON of seed 003. */
  json(): Promise<Record<string, unknown>>;
}

/** Measures requests; everything else is asked of the database when somebody looks. */
export function createMetrics(app: FastifyInstance, service: Service): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const durations = new Histogram({
    name: 'ota_request_duration_seconds',
    help: 'Time to answer a request.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    registers,
  });
  const sent = new Counter({ name: 'ota_requests_total', help: 'Requests.', registers });
  app.addHook('onResponse', async (request, reply) => {
    sent.inc();
    const route = request.routeOptions.url ?? 'none';
    const status = String(reply.statusCode);
    durations.observe({ method: request.method, route, status }, reply.elapsedTime / 1000);
  });
  const counts = createCounts(service);
  registerFleetGauges(registry, counts, service);
  if (service.feed !== undefined) registerFeedMetrics(registry, service.feed);
  return {
    text: () => registry.metrics(),
    contentType: registry.contentType,
    json: () => seedMetrics(counts, service),
  };
}

/** What is counted in the database. */
type Counts = Readonly<Record<'model' | 'version' | 'attempts' | 'recent', () => Promise<Count[]>>>;

function createCounts({ store, now }: Service): Counts {
  return {
    model: createKept(() => store.history.countDevices('model')),
    version: createKept(() => store.history.countDevices('version')),
    attempts: createKept(() => store.history.countAttempts({})),
    recent: createKept(() => store.history.countAttempts({ sinceMs: now() - dayMs })),
  };
}

function registerFleetGauges(
  registry: Registry,
  counts: Counts,
  { catalog, fleet }: Service,
): void {
  const registers = [registry];
  for (const by of ['model', 'version'] as const) {
    new Gauge({
      name: `ota_devices_by_${by}`,
      help: `Devices by ${by}.`,
      labelNames: [by],
      registers,
      async collect() {
        const current = await counts[by]();
        this.reset();
        for (const { name, count } of current) this.set({ [by]: name }, count);
      },
    });
  }
  new Gauge({
    name: 'ota_attempts',
    help: 'Update attempts by state.',
    labelNames: ['state'],
    registers,
    async collect() {
      const current = await counts.attempts();
      // A state that nobody is in is 0: a series that comes and goes cannot be watched.
      for (const state of attemptStates) this.set({ state }, 0);
      for (const { name, count } of current) this.set({ state: name }, count);
    },
  });
  new Gauge({
    name: 'ota_active_rollouts',
    help: 'Rollouts that are running.',
    registers,
    collect() {
      this.set(countRunning(catalog));
    },
  });
  new Gauge({
    name: 'ota_queue_depth',
    help: 'Work that waits: reads, durable writes, times at which devices were seen.',
    labelNames: ['queue'],
    registers,
    collect() {
      for (const [queue, depth] of Object.entries(fleet.depth())) this.set({ queue }, depth);
    },
  });
}

function registerFeedMetrics(registry: Registry, feed: StatusFeed): void {
  const registers = [registry];
  new Gauge({
    name: 'ota_mqtt_connected',
    help: 'Whether the broker is connected and the subscriptions stand.',
    registers,
    collect() {
      this.set(feed.state().connected ? 1 : 0);
    },
  });
  new Gauge({
    name: 'ota_mqtt_in_flight',
    help: 'Messages that have come and are not acknowledged.',
    registers,
    collect() {
      this.set(feed.state().inFlight);
    },
  });
  new Counter({
    name: 'ota_mqtt_messages_total',
    help: 'Messages by what became of them.',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset();
      for (const [outcome, count] of Object.entries(feed.state().messages))
        this.inc({ outcome }, count);
    },
  });
  new Counter({
    name: 'ota_mqtt_commands_total',
    help: 'Commands that were sent to devices.',
    registers,
    collect() {
      this.reset();
      this.inc(feed.state().commands);
    },
  });
}

const dayMs = 24 * 60 * 60 * 1000;

function countRunning(catalog: Catalog): number {
  return catalog.current().rollouts.filter(({ state }) => state === 'running').length;
}

async function seedMetrics(
  counts: Counts,
  { catalog, feed }: Service,
): Promise<Record<string, unknown>> {
  const [models, recent] = await Promise.all([counts.model(), counts.recent()]);
  const toObject = (some: readonly Count[]): Record<string, number> =>
    Object.fromEntries(some.map(({ name, count }) => [name, count]));
  return {
    total_devices: models.reduce((sum, { count }) => sum + count, 0),
    devices_by_model: toObject(models),
    recent_updates_24h: toObject(recent),
    active_rollouts: countRunning(catalog),
    ...(feed === undefined ? {} : { mqtt: mqttMetrics(feed) }),
  };
}

function mqttMetrics(feed: StatusFeed): Record<string, unknown> {
  const { connected, inFlight, messages, commands } = feed.state();
  return { connected, in_flight: inFlight, messages, commands };
}
