import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aFleet, attemptsOf, expectTruth, playTwoRollouts } from '../support/fleet-story.ts';
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts';
import { adminKey, clientOf } from '../support/service.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';

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
  it('is updated by a canary that is raised, and stands still when a rollout is paused', async () => {
    const node = await start();
    const fleet = aFleet(fleetSize, () => [node.url]);
    const client = clientOf(node.url);
    await playTwoRollouts(client, fleet, async () => undefined);
    await expectTruth(client, fleet, 20);
    expect(await node.stop()).toBe(0);
  }, 300_000);

  it('loses no acknowledged status to kill -9', async () => {
    let node = await start();
    const client = () => clientOf(node.url);
    const image = Buffer.from('an image of another kind');
    await client().upload('2.0.0', image);
    await client().rollout('all', '2.0.0');
    const ids = Array.from({ length: 400 }, (_, index) => `d${index}`);
    for (const id of ids) await client().check(id, '1.0.0');
    const acknowledged: string[] = [];
    const reports = ids.map(async (id) => {
      const answer = await client()
        .report(id, '2.0.0', 'installing')
        .catch(() => undefined);
      if (answer?.status === 200) acknowledged.push(id);
      if (acknowledged.length === 100) await node.kill();
    });
    await Promise.all(reports);
    node = await start();
    expect(acknowledged.length).toBeGreaterThanOrEqual(100);
    const { body } = await client().call('GET', '/api/admin/update-status?limit=1000');
    const updates = body.updates as unknown as { device_id: string; status: string }[];
    const stored = new Set(
      updates.filter(({ status }) => status === 'installing').map(({ device_id }) => device_id),
    );
    expect(acknowledged.filter((id) => !stored.has(id))).toEqual([]);
    expect((await fetch(`${node.url}/api/firmware/download/2.0.0`)).status).toBe(200);
  }, 120_000);
});

describe('a fleet of 2,000 devices on PostgreSQL', () => {
  let server: RealPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.remove());

  it('is updated by two nodes of which one is killed on the way', async () => {
    const words = ['--database', await server.makeUrl(), '--data', join(folder, 'shared')];
    const [one, two] = await Promise.all([start(...words), start(...words)]);
    let alive = [one.url, two.url];
    const fleet = aFleet(fleetSize, () => alive);
    const client = clientOf(one.url);
    await playTwoRollouts(client, fleet, async (percentage) => {
      if (percentage !== 25) return;
      await two.kill();
      alive = [one.url];
    });
    await expectTruth(client, fleet, 20);
  }, 300_000);

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
