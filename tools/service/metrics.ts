import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { StatusFeed } from '../core/fleet/status-intake.ts';
import type { Service } from './service.ts';

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
  registerFleetGauges(registry, service);
  if (service.feed !== undefined) registerFeedMetrics(registry, service.feed);
  return {
    text: () => registry.metrics(),
    contentType: registry.contentType,
    json: () => seedMetrics(service),
  };
}

function registerFleetGauges(registry: Registry, { store, catalog, fleet }: Service): void {
  const registers = [registry];
  for (const by of ['model', 'version'] as const) {
    new Gauge({
      name: `ota_devices_by_${by}`,
      help: `Devices by ${by}.`,
      labelNames: [by],
      registers,
      async collect() {
        this.reset();
        for (const { name, count } of await store.history.countDevices(by))
          this.set({ [by]: name }, count);
      },
    });
  }
  new Gauge({
    name: 'ota_attempts',
    help: 'Update attempts by state.',
    labelNames: ['state'],
    registers,
    async collect() {
      this.reset();
      for (const { name, count } of await store.history.countAttempts({}))
        this.set({ state: name }, count);
    },
  });
  new Gauge({
    name: 'ota_active_rollouts',
    help: 'Rollouts that are running.',
    registers,
    collect() {
      this.set(catalog.current().rollouts.filter(({ state }) => state === 'running').length);
    },
  });
  new Gauge({
    name: 'ota_queue_depth',
    help: 'Work that waits: reads, durable writes, last-seen times.',
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

async function seedMetrics({
  store,
  catalog,
  feed,
  now,
}: Service): Promise<Record<string, unknown>> {
  const [models, recent] = await Promise.all([
    store.history.countDevices('model'),
    store.history.countAttempts({ sinceMs: now() - dayMs }),
  ]);
  const toObject = (counts: readonly { name: string; count: number }[]): Record<string, number> =>
    Object.fromEntries(counts.map(({ name, count }) => [name, count]));
  return {
    total_devices: models.reduce((sum, { count }) => sum + count, 0),
    devices_by_model: toObject(models),
    recent_updates_24h: toObject(recent),
    active_rollouts: catalog.current().rollouts.filter(({ state }) => state === 'running').length,
    ...(feed === undefined ? {} : { mqtt: mqttMetrics(feed) }),
  };
}

function mqttMetrics(feed: StatusFeed): Record<string, unknown> {
  const { connected, inFlight, messages, commands } = feed.state();
  return { connected, in_flight: inFlight, messages, commands };
}
