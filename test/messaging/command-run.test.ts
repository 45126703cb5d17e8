import { describe, expect, it } from 'vitest';
import { parseTopicTemplate } from '../../tools/core/fleet/commands/topic-template.ts';
import type { FleetOptions } from '../../tools/simulator/fleet/fleet.ts';
import { rejection } from '../support/code.ts';
import {
  commandFleet,
  commandTalkers,
  namelessDevice,
  outcomesOf,
  testBroker,
  testClient,
  testFleet,
  testUpdateServer,
} from '../support/fleet.ts';
import { createTestClock } from '../support/test-clock.ts';

async function scene(
  count: number,
  profile: Record<string, unknown> = {},
  changes: Partial<FleetOptions> = {},
) {
  const broker = await testBroker();
  const server = await testUpdateServer('1.1.0');
  const fleet = await testFleet(broker.url, count, { server_url: server.url, ...profile }, changes);
  return {
    broker,
    server,
    fleet,
    client: await testClient(broker.url),
    connect: () => testClient(broker.url),
  };
}

describe('a command to a fleet', () => {
  it('updates every device, and ends when all run the new version', async () => {
    const { client, fleet } = await scene(5);
    const run = await commandFleet(client, {});
    expect(run.waits.map(({ outcome }) => outcome)).toEqual(
      Array.from({ length: 5 }, () => ({ kind: 'updated', ok: true, reason: 'runs 1.1.0' })),
    );
    expect(fleet.versions()).toEqual({ '1.1.0': 5 });
  });

  it('names exactly the devices that did not make it, and tells the truth about each', async () => {
    const faults = [
      { fault: 'silent', count: 1 },
      { fault: 'fail_at', count: 1, percent: 40 },
      { fault: 'bad_hash', count: 1 },
      { fault: 'old_image', count: 1 },
      { fault: 'self_test', count: 1 },
      { fault: 'disconnect', count: 1 },
      { fault: 'power_cut', count: 1 },
      { fault: 'clock_off', count: 1 },
      { fault: 'duplicate', count: 1 },
      { fault: 'slow', count: 1, delay_ms: 20 },
    ];
    const clock = createTestClock();
    const { client, fleet } = await scene(12, { faults }, clock);
    const run = await commandTalkers(client, 11, clock);
    expect(outcomesOf(run)).toEqual([
      'dev-0000 silent',
      'dev-0001 failed',
      'dev-0002 failed',
      'dev-0003 rolled_back',
      'dev-0004 rolled_back',
      'dev-0005 updated',
      'dev-0006 updated',
      'dev-0007 updated',
      'dev-0008 updated',
      'dev-0009 updated',
      'dev-0010 updated',
      'dev-0011 updated',
    ]);
    const reasons = run.waits.slice(0, 5).map(({ outcome }) => outcome?.reason);
    expect(reasons[0]).toMatch(/^no answer in 60 s; before the command: idle, runs 1\.0\.0/);
    expect(reasons[1]).toBe('ESP_ERR_FLASH_OP_FAIL: a flash sector is broken');
    expect(reasons[2]).toBe('ESP_ERR_OTA_VALIDATE_FAILED: the SHA-256 is wrong');
    expect(reasons[3]).toBe('restarted into 1.0.0 after 1.1.0 was written');
    expect(fleet.versions()).toEqual({ '1.0.0': 5, '1.1.0': 7 });
  });

  it('is truthful for firmware without command ids, too', async () => {
    const faults = [
      { fault: 'bad_hash', count: 1 },
      { fault: 'duplicate', count: 1 },
    ];
    const { connect } = await scene(3, { command_ids: false, faults });
    expect(outcomesOf(await commandFleet(await connect(), {}))).toEqual([
      'dev-0000 failed',
      'dev-0001 updated',
      'dev-0002 updated',
    ]);
    // The kept "failed" and "1.1.0" are of the first command; the second one gets its own answers.
    const again = await commandFleet(await connect(), { commandId: 'cmd-2' });
    expect(again.waits.map(({ device, outcome }) => `${device} ${outcome?.ok}`).sort()).toEqual([
      'dev-0000 false',
      'dev-0001 true',
      'dev-0002 true',
    ]);
  });

  it('checks, asks for the status, and rolls back', async () => {
    const { connect, fleet } = await scene(2);
    const check = await commandFleet(await connect(), { action: 'check' });
    expect(check.waits[0]?.outcome?.reason).toBe('1.1.0 is available, runs 1.0.0');
    await commandFleet(await connect(), { commandId: 'cmd-2' });
    const status = await commandFleet(await connect(), { action: 'status', commandId: 'cmd-3' });
    expect(status.waits[1]?.outcome?.reason).toBe('runs 1.1.0');
    const back = await commandFleet(await connect(), { action: 'rollback', commandId: 'cmd-4' });
    expect(back.waits.map(({ outcome }) => outcome?.reason)).toEqual(['runs 1.0.0', 'runs 1.0.0']);
    expect(fleet.versions()).toEqual({ '1.0.0': 2 });
  });

  it('reaches only the devices that are meant', async () => {
    const { client, fleet } = await scene(3);
    const audience = { devices: ['dev-0001'], groups: [], all: false };
    const run = await commandFleet(client, {}, { audience });
    expect(outcomesOf(run)).toEqual(['dev-0001 updated']);
    expect(fleet.versions()).toEqual({ '1.0.0': 2, '1.1.0': 1 });
  });

  it("works with the seed's two topics, and tells devices apart by what they say", async () => {
    const topics = { command_topic: 'bms/ota/command', status_topic: 'bms/ota/status' };
    const { client, broker } = await scene(1, topics);
    const run = await commandFleet(
      client,
      {},
      {
        audience: { devices: [], groups: [], all: false },
        commandTopic: parseTopicTemplate('bms/ota/command', ['device']),
        statusTopic: parseTopicTemplate('bms/ota/status', ['device']),
      },
    );
    expect(outcomesOf(run)).toEqual(['dev-0000 updated']);
    const command = broker.published.find(({ topic }) => topic === 'bms/ota/command');
    expect(command).toMatchObject({ qos: 1, retain: false });
    expect(JSON.parse(command?.payload.toString() ?? '')).toEqual({
      action: 'update',
      force: false,
      command_id: 'cmd-1',
      version: '1.1.0',
    });
  });

  it('counts messages that it does not understand, and goes on', async () => {
    const { client } = await scene(1);
    await client.publish('fleet/dev-0000/ota/status', '{"status":', { qos: 1, retain: true });
    const run = await commandFleet(
      client,
      {},
      {
        audience: { devices: ['dev-0000'], groups: [], all: false },
      },
    );
    expect(run.malformed).toBe(1);
    expect(outcomesOf(run)).toEqual(['dev-0000 updated']);
  });

  it('is not sent when it is cancelled while devices are looked for', async () => {
    const broker = await testBroker();
    const controller = new AbortController();
    const client = await testClient(broker.url);
    const sleep = async () => controller.abort();
    const run = commandFleet(client, {}, { signal: controller.signal, sleep });
    expect((await rejection(run)).code).toBe('cancelled');
  });

  it('ends with what is known when it is cancelled', async () => {
    const { client } = await scene(1, { faults: [{ fault: 'silent', count: 1 }] });
    const controller = new AbortController();
    const run = await commandFleet(
      client,
      {},
      {
        signal: controller.signal,
        notify: ({ type }) => {
          if (type === 'sent') controller.abort();
        },
      },
    );
    expect(run).toMatchObject({ cancelled: true, waits: [{ device: 'dev-0000' }] });
  });
});

describe('devices that share one status topic and do not say who they are', () => {
  const shared = {
    audience: { devices: [], groups: [], all: false },
    commandTopic: parseTopicTemplate('bms/ota/command', ['device']),
    statusTopic: parseTopicTemplate('bms/ota/status', ['device']),
  };
  const warning = /^messages on bms\/ota\/status do not say which device they are from/;

  it('are taken for one, and the result says so', async () => {
    const { url } = await testBroker();
    await namelessDevice(url, 7200);
    const run = await commandFleet(await testClient(url), {}, shared);
    expect(outcomesOf(run)).toEqual(['bms/ota/status updated']);
    expect(run.warnings).toEqual([expect.stringMatching(warning)]);
    expect(run.warnings[0]).toContain('the outcome is that of whoever spoke, one device or many');
  });

  it('get no verdict when they are seen to be several', async () => {
    const { url } = await testBroker();
    for (const uptimeS of [7200, 720_000]) await namelessDevice(url, uptimeS);
    const run = await commandFleet(await testClient(url), {}, shared);
    expect(run.waits.map(({ outcome }) => outcome)).toEqual([
      {
        kind: 'indistinct',
        ok: false,
        reason:
          'several devices speak on bms/ota/status and do not say who they are (no device_id)',
      },
    ]);
  });

  it('count for none of the devices that a command names', async () => {
    const { url } = await testBroker();
    await namelessDevice(url, 7200, 'fleet/d1/ota/command');
    const { statusTopic } = shared;
    const audience = { devices: ['d1'], groups: [], all: false };
    const run = await commandFleet(
      await testClient(url),
      { timeoutMs: 300 },
      { statusTopic, audience },
    );
    expect(outcomesOf(run)).toEqual(['d1 silent']);
    expect(run.warnings[0]).toContain('they count for no device');
    const all = commandFleet(await testClient(url), {}, { statusTopic });
    expect(await rejection(all)).toMatchObject({ code: 'usage', message: 'no device is meant' });
  });

  it('are no matter where they do say it', async () => {
    const names = { command_topic: 'bms/ota/command', status_topic: 'bms/ota/status' };
    const { client } = await scene(2, names);
    const run = await commandFleet(client, {}, shared);
    expect(outcomesOf(run)).toEqual(['dev-0000 updated', 'dev-0001 updated']);
    expect(run.warnings).toEqual([]);
  });
});
