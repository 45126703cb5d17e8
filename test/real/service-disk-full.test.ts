import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../support/run.ts';
import { adminKey, clientOf } from '../support/service.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';

const env = { API_KEY: adminKey, OTA_DEVICE_RATE_LIMIT: '0', OTA_ADDRESS_RATE_LIMIT: '0' };
let folder: string;
let node: ServiceProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-full-'));
});
afterEach(async () => {
  await node?.kill();
  await rm(folder, { recursive: true, force: true });
});

/** No file may grow beyond this: every machine can do that to a process, without a disk of its own. */
const limitBytes = 8_000_000;

async function start(...wrapper: string[]): Promise<ServiceProcess> {
  node = await startServiceProcess([], { cwd: folder, env, wrapper });
  return node;
}

describe('a service whose files cannot grow any more', () => {
  it('says so, keeps what it acknowledged, and goes on when there is room', async () => {
    let service = await start('prlimit', `--fsize=${limitBytes}:unlimited`);
    let client = clientOf(service.url);
    const image = randomBytes(1_000_000);
    expect((await client.upload('1.0.0', image)).status).toBe(200);
    await client.rollout('all', '1.0.0');
    expect(await client.upload('2.0.0', randomBytes(10_000_000))).toMatchObject({
      status: 507,
      body: { code: 'disk-full' },
    });
    const ids = Array.from({ length: 20 }, (_, index) => `d${index}`);
    for (const id of ids)
      expect(await client.check(id, '0.9.0')).toMatchObject({ update_available: true });
    await client.check('idle', '0.9.0');
    // Until the journal of the database has reached the limit.
    const acknowledged = new Map<string, number>();
    let refused: Awaited<ReturnType<typeof client.report>> | undefined;
    for (let bytes = 1; refused === undefined && bytes < 100; bytes += 1)
      for (const id of ids) {
        const more = { progress_percent: bytes, error_message: 'x'.repeat(2000 - bytes) };
        const answer = await client.report(id, '1.0.0', 'downloading', more);
        if (answer.status === 200) acknowledged.set(id, bytes);
        else refused ??= answer;
      }
    expect(refused).toMatchObject({ status: 503, body: { code: 'database-failed' } });
    expect(refused?.body.detail).toContain('SQLITE_IOERR');
    expect(refused?.headers.get('retry-after') ?? '5').toBe('5');
    // To ask needs no room.
    expect(await client.check('idle', '0.9.0')).toMatchObject({ update_available: true });
    expect((await fetch(`${service.url}/health`)).status).toBe(200);
    const file = await fetch(`${service.url}/api/firmware/download/1.0.0`);
    expect(Buffer.from(await file.arrayBuffer()).equals(image)).toBe(true);
    const raised = await run('prlimit', ['--pid', `${service.pid}`, '--fsize=unlimited:unlimited']);
    expect(raised).toMatchObject({ exitCode: 0 });
    expect((await client.report('d0', '1.0.0', 'installing')).status).toBe(200);
    expect((await client.upload('2.0.0', randomBytes(10_000_000))).status).toBe(200);
    await service.kill();
    service = await start();
    client = clientOf(service.url);
    const { body } = await client.call('GET', '/api/admin/update-status?limit=1000');
    const updates = body.updates as unknown as { device_id: string; progress_percent: number }[];
    const stored = new Map(updates.map((update) => [update.device_id, update.progress_percent]));
    expect(stored).toEqual(acknowledged.set('idle', 0));
    expect(await readdir(join(folder, 'ota-data/artifacts/incoming'))).toEqual([]);
  }, 120_000);
});
