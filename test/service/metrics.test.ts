import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { attemptStates } from '../../tools/core/fleet/attempts/attempt.ts';
import type { StatusFeed } from '../../tools/core/fleet/news/status-intake.ts';
import { type Metric, parsePrometheus } from '../support/prometheus.ts';
import { startService } from '../support/service.ts';

const guide = readFileSync(resolve(import.meta.dirname, '../../docs/service.md'), 'utf8');

/** What the guide promises: names, types and labels. */
function documented(): { name: string; type: string; labels: string[] }[] {
  return [...guide.matchAll(/^\| `(ota_\w+)` \| (\w+) \| ([^|]*)\|/gm)].map(
    ([, name = '', type = '', labels = '']) => ({
      name,
      type,
      labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label),
    }),
  );
}

const odd = '1.0 "x\\y"\nz';

/** Something that brings messages, and has brought some. */
const aFeed = (): StatusFeed => ({
  start: () => undefined,
  stop: async () => undefined,
  state: () => ({
    connected: true,
    messages: { taken: 3, malformed: 1 },
    inFlight: 2,
    commands: 4,
  }),
});

/** A fleet of four devices of two models in different states, and a refused request. */
async function start(options: Parameters<typeof startService>[0] = {}) {
  const service = await startService(options);
  await service.upload('2.0.0', Buffer.from('an image of another kind'));
  await service.rollout('all', '2.0.0');
  await service.rollout('later', '2.0.0', { is_active: false });
  for (const id of ['d1', 'd2']) await service.check(id, '1.0.0');
  await service.check('d3', '1.5.0');
  await service.check('d4', encodeURIComponent(odd), 'other');
  await service.report('d1', '2.0.0', 'downloading');
  await service.report('d2', '2.0.0', 'success');
  await service.call('GET', '/api/admin/devices', undefined, {});
  await service.call('GET', '/nowhere');
  const scrape = async (path: string, accept?: string) => {
    const answer = await service.call('GET', path, undefined, accept ? { accept } : {});
    return { ...answer, type: answer.headers.get('content-type') };
  };
  return { service, scrape };
}

const valuesOf = (metric: Metric | undefined, label: string): Record<string, number> =>
  Object.fromEntries((metric?.samples ?? []).map(({ labels, value }) => [labels[label], value]));

describe('the figures', () => {
  it('are those of the rollout service, as JSON, when nobody asks otherwise', async () => {
    const { scrape } = await start();
    for (const accept of [undefined, '*/*', 'application/json'])
      expect(await scrape('/metrics', accept)).toMatchObject({
        type: expect.stringContaining('application/json'),
        body: {
          total_devices: 4,
          devices_by_model: { esp32: 3, other: 1 },
          recent_updates_24h: { pending: 1, downloading: 1, installed: 1 },
          active_rollouts: 1,
        },
      });
  });

  it('are Prometheus text for Prometheus', async () => {
    const { scrape } = await start();
    const asked =
      'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
    for (const answer of [
      await scrape('/metrics', asked),
      await scrape('/metrics', 'text/plain'),
      await scrape('/metrics?format=prometheus'),
    ]) {
      expect(answer.type).toMatch(/^text\/plain; version=0\.0\.4/);
      expect(parsePrometheus(String(answer.body)).size).toBeGreaterThan(0);
    }
  });

  it.each([
    ['with a broker', { openFeed: aFeed }],
    ['without', {}],
  ])(
    'are those that the guide names, with their types and labels, and no others: %s',
    async (_how, options) => {
      const { scrape } = await start(options);
      const metrics = parsePrometheus(String((await scrape('/metrics', 'text/plain')).body));
      const promised = documented().filter(
        ({ name }) => 'openFeed' in options || !name.startsWith('ota_mqtt_'),
      );
      expect(promised.length).toBeGreaterThan(5);
      expect([...metrics.keys()].sort()).toEqual(promised.map(({ name }) => name).sort());
      for (const { name, type, labels } of promised) {
        const metric = metrics.get(name);
        expect([name, metric?.type]).toEqual([name, type]);
        expect(metric?.help).toMatch(/\w/);
        expect(metric?.samples.length).toBeGreaterThan(0);
        for (const sample of metric?.samples ?? []) {
          const { le: _, ...own } = sample.labels;
          expect([name, Object.keys(own).sort()]).toEqual([name, [...labels].sort()]);
        }
      }
    },
  );

  it('say how the fleet is, whatever characters versions are made of', async () => {
    const { scrape } = await start();
    const metrics = parsePrometheus(String((await scrape('/metrics', 'text/plain')).body));
    expect(valuesOf(metrics.get('ota_devices_by_model'), 'model')).toEqual({ esp32: 3, other: 1 });
    expect(valuesOf(metrics.get('ota_devices_by_version'), 'version')).toEqual({
      '1.0.0': 2,
      '1.5.0': 1,
      [odd]: 1,
    });
    const none = Object.fromEntries(attemptStates.map((state) => [state, 0]));
    expect(valuesOf(metrics.get('ota_attempts'), 'state')).toEqual({
      ...none,
      pending: 1,
      downloading: 1,
      installed: 1,
    });
    expect(metrics.get('ota_active_rollouts')?.samples).toMatchObject([{ value: 1 }]);
    const queues = valuesOf(metrics.get('ota_queue_depth'), 'queue');
    expect(Object.keys(queues).sort()).toEqual(['reads', 'sightings', 'writes']);
    expect(queues).toMatchObject({ reads: 0, writes: 0 });
  });

  it('count every request, by route and not by address, with buckets that add up', async () => {
    const { scrape } = await start();
    const metrics = parsePrometheus(String((await scrape('/metrics', 'text/plain')).body));
    const samples = metrics.get('ota_request_duration_seconds')?.samples ?? [];
    const counts = samples.filter(({ name }) => name.endsWith('_count'));
    const total = metrics.get('ota_requests_total')?.samples[0]?.value;
    expect(counts.reduce((sum, { value }) => sum + value, 0)).toBe(total);
    const bySeries = counts.map(({ labels, value }) => [
      `${labels.method} ${labels.route} ${labels.status}`,
      value,
    ]);
    expect(Object.fromEntries(bySeries)).toMatchObject({
      'GET /api/firmware/check 200': 4,
      'POST /api/device/:device_id/update-status 200': 2,
      'GET /api/admin/devices 401': 1,
      'GET none 404': 1,
    });
    for (const { labels, value: count } of counts) {
      const buckets = samples.filter(
        (sample) =>
          sample.name.endsWith('_bucket') &&
          ['method', 'route', 'status'].every((key) => sample.labels[key] === labels[key]),
      );
      const values = buckets.map(({ value }) => value);
      expect(values).toEqual([...values].sort((a, b) => a - b));
      expect(buckets.at(-1)).toMatchObject({ labels: { le: '+Inf' }, value: count });
    }
  });
});
