import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  attemptsOf,
  expectSameTold,
  expectTruth,
  playCanary,
  playPausedRollout,
} from '../support/fleet-story.ts';
import { readHistories } from '../support/histories.ts';
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts';
import { adminKey, clientOf } from '../support/service.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { watchFleet } from '../support/watched-fleet.ts';

const fleetSize = 2000;
const env = { API_KEY: adminKey, OTA_DEVICE_RATE_LIMIT: '0', OTA_ADDRESS_RATE_LIMIT: '0' };
const running: ServiceProcess[] = [];
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-fleet-'));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.kill()));
  await rm(folder, { recursive: true, force: true });
});

async function start(...words: string[]): Promise<ServiceProcess> {
  const node = await startServiceProcess(words, { cwd: folder, env });
  running.push(node);
  return node;
}

describe('a fleet of 2,000 devices on SQLite', () => {
  it('is updated by a canary that is raised, and stands still when a rollout is paused in the middle', async () => {
    const node = await start();
    const fleet = watchFleet(fleetSize, () => [node.url]);
    const client = clientOf(node.url);
    await playCanary(client, fleet);
    await playPausedRollout(client, fleet);
    expect(fleet.devices.some(({ id }) => fleet.logOf(id).interrupted)).toBe(false);
    expect(await node.stop()).toBe(0);
    const url = `sqlite:${join(folder, 'ota-data/ota.db')}`;
    const histories = await readHistories(url);
    expectTruth(fleet, histories);
    const again = await start();
    await expectSameTold(clientOf(again.url), fleet, histories, 50);
  }, 300_000);
});

describe('a fleet of 2,000 devices on PostgreSQL', () => {
  let server: RealPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.remove());

  it('is updated by two nodes of which one is killed on the way, and stands still at both when a rollout is paused', async () => {
    const url = await server.makeUrl();
    const words = ['--database', url, '--data', join(folder, 'shared')];
    const [one, two] = await Promise.all([start(...words), start(...words)]);
    let alive = [one.url, two.url];
    const fleet = watchFleet(fleetSize, () => alive);
    const client = clientOf(one.url);
    let dying: Promise<void> | undefined;
    await playCanary(client, fleet, (percentage) => {
      if (percentage !== 50) return;
      // In the middle of a round; the balancer notices when the process is gone.
      fleet.after(1000, () => {
        dying = two.kill().then(() => {
          alive = [one.url];
        });
        return dying;
      });
    });
    await dying;
    expect(fleet.devices.some(({ id }) => fleet.logOf(id).interrupted)).toBe(true);
    const three = await start(...words);
    alive = [one.url, three.url];
    await playPausedRollout(client, fleet);
    const histories = await readHistories(url);
    expectTruth(fleet, histories);
    await expectSameTold(clientOf(three.url), fleet, histories, 50);
  }, 300_000);

  it('has one first key, when two nodes without any start in the same moment', async () => {
    const words = ['--database', await server.makeUrl(), '--data', join(folder, 'shared')];
    const nodes = await Promise.all(
      [1, 2].map(async () => {
        const node = await startServiceProcess(words, { cwd: folder, env: {} });
        running.push(node);
        return node;
      }),
    );
    const keys = (): string[] =>
      nodes.flatMap(({ lines }) =>
        lines.flatMap((line) => /shown this once: (\S+)/.exec(line)?.[1] ?? []),
      );
    while (keys().length === 0) await new Promise((resolve) => setImmediate(resolve));
    for (const node of nodes) {
      const answer = await fetch(`${node.url}/api/v1/keys`, {
        headers: { 'x-api-key': keys()[0] ?? '' },
      });
      expect(await answer.json()).toMatchObject({ keys: [{ name: 'admin', role: 'admin' }] });
    }
    expect(keys()).toHaveLength(1);
  }, 60_000);

  it('stops at every node with the check after a pause', async () => {
    const words = ['--database', await server.makeUrl(), '--data', join(folder, 'shared')];
    const [one, two] = await Promise.all([start(...words), start(...words)]);
    const [first, second] = [clientOf(one.url), clientOf(two.url)];
    await first.upload('2.0.0', Buffer.from('an image of another kind'));
    await first.rollout('all', '2.0.0');
    for (let turn = 0; turn < 20; turn += 1) {
      await first.call('POST', '/api/admin/rollout/all/resume');
      expect(await second.check('d1', '1.0.0')).toMatchObject({ update_available: true });
      await first.call('POST', '/api/admin/rollout/all/pause');
      expect(await second.check('d1', '1.0.0')).toMatchObject({ reason: 'paused' });
    }
    expect(await attemptsOf(second, 'all')).toEqual({ cancelled: 1 });
  }, 120_000);

  it('gets a 503 while the database is away, and goes on when it is back', async () => {
    const node = await start('--database', await server.makeUrl());
    const client = clientOf(node.url);
    await client.check('d1', '1.0.0');
    await server.crash();
    expect(await client.check('d1', '1.0.0')).toMatchObject({ code: 'database-failed' });
    expect((await fetch(`${node.url}/ready`)).status).toBe(503);
    expect((await fetch(`${node.url}/health`)).status).toBe(200);
    await server.start();
    expect(await client.check('d1', '1.0.0')).toMatchObject({ update_available: false });
    expect((await fetch(`${node.url}/ready`)).status).toBe(200);
  }, 120_000);
});
