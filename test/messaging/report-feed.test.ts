import { createHash } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createBroker } from '../../tools/simulator/broker.ts';
import { startEdgeDevice } from '../support/edge-device.ts';
import {
  commandTalkers,
  testBroker,
  testClient,
  testFleet,
  testImage,
  testUpdateServer,
} from '../support/fleet.ts';
import { findFreePort } from '../support/peers.ts';
import { reportTopics, startListeningService } from '../support/report-feed.ts';
import type { ServiceOptions } from '../support/service.ts';

type Service = Awaited<ReturnType<typeof startListeningService>>;

async function listening(options: ServiceOptions = {}) {
  const broker = await testBroker();
  const service = await startListeningService(broker.url, options);
  await untilConnected(service);
  return { broker, service, client: await testClient(broker.url) };
}

async function untilConnected({ feed }: Service): Promise<void> {
  await expect.poll(() => feed.state().connected, { timeout: 5000 }).toBe(true);
}

const heard = ({ feed }: Service): number =>
  Object.values(feed.state().messages).reduce((sum, count) => sum + count, 0);

/** The steps of all attempts of a device, oldest first. */
async function historyOf(service: Service, id: string): Promise<string[]> {
  const { body } = await service.call('GET', `/api/admin/devices/${id}`);
  const history = body.history as unknown as { to: string }[];
  return history.map(({ to }) => to).reverse();
}

const updated = ['downloading', 'installing', 'installed', 'confirmed'];

describe('a virtual fleet that is updated over MQTT', () => {
  it('leaves a history in the service that tells the truth about every device', async () => {
    const { broker, service, client } = await listening();
    const server = await testUpdateServer('1.1.0');
    await service.upload('1.1.0', server.image);
    const names = ['silent', 'fail_at', 'bad_hash', 'old_image', 'self_test', 'disconnect'];
    const more = ['power_cut', 'clock_off', 'duplicate', 'slow'];
    const fleet = await testFleet(broker.url, 12, {
      server_url: server.url,
      faults: [...names, ...more].map((fault) => ({ fault, count: 1, percent: 40, delay_ms: 20 })),
    });
    await commandTalkers(client, 11);
    await Promise.all(fleet.devices.map((device) => device.idle()));
    await expect.poll(() => historyOf(service, 'dev-0011'), { timeout: 5000 }).toEqual(updated);
    const histories = await Promise.all(
      fleet.devices.map(async ({ name }) => [name, await historyOf(service, name)]),
    );
    const back = ['downloading', 'installing', 'installed', 'rolled_back'];
    expect(Object.fromEntries(histories)).toEqual({
      'dev-0000': [],
      'dev-0001': ['downloading', 'failed'],
      'dev-0002': ['downloading', 'failed'],
      'dev-0003': back,
      'dev-0004': back,
      ...Object.fromEntries(
        Array.from({ length: 7 }, (_, index) => [
          `dev-${String(index + 5).padStart(4, '0')}`,
          updated,
        ]),
      ),
    });
    for (const { name, runningVersion } of fleet.devices) {
      const { body } = await service.call('GET', `/api/admin/devices/${name}`);
      expect(body.current_firmware_version).toBe(runningVersion);
      const updates = body.updates as unknown as unknown[];
      expect(updates.length).toBe(name === 'dev-0000' ? 0 : 1);
    }
  });

  it('is known from what the broker keeps when the service comes later', async () => {
    const broker = await testBroker();
    const server = await testUpdateServer('1.1.0');
    await testFleet(broker.url, 3, { server_url: server.url });
    const service = await startListeningService(broker.url);
    await expect.poll(() => heard(service), { timeout: 5000 }).toBe(3);
    const { body } = await service.call('GET', '/api/admin/devices');
    expect(body.devices).toHaveLength(3);
    expect(service.feed.state().messages).toEqual({ taken: 3 });
  });
});

describe('an edge device', () => {
  async function scene(options: { model?: string; rollout?: object } = {}) {
    const port = await findFreePort();
    const publicUrl = `http://127.0.0.1:${port}`;
    const { broker, service } = await listening({ port, settings: { publicUrl } });
    await service.upload('2.0.0', testImage('2.0.0'));
    await service.rollout('all', '2.0.0', options.rollout);
    const device = { id: 'ESP32-1', model: 'esp32', version: '1.0.0' };
    return { broker, service, device };
  }

  it('is told of a rollout, fetches the release, and is confirmed', async () => {
    const { broker, service, device } = await scene();
    const edge = await startEdgeDevice(broker.url, device);
    await edge.present();
    await expect
      .poll(() => historyOf(service, 'ESP32-1'))
      .toEqual(['pending', 'downloading', 'downloaded', 'installing', 'installed', 'confirmed']);
    expect(edge.runs()).toBe('2.0.0');
    expect(edge.commands).toEqual([
      {
        url: `${service.url}/api/firmware/download/2.0.0`,
        version: '2.0.0',
        checksum: createHash('sha256').update(testImage('2.0.0')).digest('hex'),
      },
    ]);
    expect(service.feed.state().commands).toBe(1);
    const { body } = await service.call('GET', '/api/admin/rollout/all');
    expect(body.attempts).toEqual({ confirmed: 1 });
  });

  it('is told with a signed address where its model demands one', async () => {
    const { broker, service, device } = await scene();
    await service.call('PUT', '/api/v1/models/esp32', { auth: 'token' });
    const edge = await startEdgeDevice(broker.url, device);
    await edge.present();
    await expect.poll(() => edge.runs()).toBe('2.0.0');
    expect(edge.commands[0]?.url).toMatch(/sig=[0-9a-f]{64}/);
  });

  it('that comes back with the old version has rolled back', async () => {
    const { broker, service, device } = await scene();
    const edge = await startEdgeDevice(broker.url, { ...device, comesBack: true });
    await edge.present();
    await expect.poll(async () => (await historyOf(service, 'ESP32-1')).at(-1)).toBe('rolled_back');
    expect(edge.commands).toHaveLength(1);
  });

  it('is told nothing when the rollout is not for it', async () => {
    const { broker, service, device } = await scene({
      rollout: { target_type: 'specific', target_filter: { device_ids: ['other'] } },
    });
    const edge = await startEdgeDevice(broker.url, device);
    await edge.present();
    await expect.poll(() => heard(service)).toBe(1);
    expect(await historyOf(service, 'ESP32-1')).toEqual([]);
    expect(edge.commands).toEqual([]);
  });

  it('that somebody else commands has a history, too', async () => {
    const { client, service } = await listening();
    await service.upload('2.0.0', testImage('2.0.0'));
    const say = (topic: string, message: object) =>
      client.publish(`paku/edge/E1/${topic}`, JSON.stringify(message), { qos: 1 });
    await say('status', { firmware_version: '1.0.0', device_model: 'esp32' });
    await say('ota/status', { status: 'accepted', version: '2.0.0' });
    await say('ota/progress', { state: 'downloading', percent: 12, downloaded: 9 });
    await say('ota/result', { version: '2.0.0', success: false, result_code: 8, message: 'full' });
    await expect.poll(() => heard(service)).toBe(4);
    expect(await historyOf(service, 'E1')).toEqual(['pending', 'downloading', 'failed']);
    const { body } = await service.call('GET', '/api/admin/update-status');
    expect(body.updates).toMatchObject([
      { error_message: 'no space: full', progress_percent: 12, status: 'failed' },
    ]);
  });
});

describe('a device', () => {
  const status = (message: object): string =>
    JSON.stringify({ current_version: '1.0.0', ...message });

  it('has the model of its message, its topic, or the settings, and becomes what a check says', async () => {
    const broker = await testBroker();
    const topics = {
      ...reportTopics,
      statusTopics: ['fleet/{device}/status', 'm/{model}/{device}'],
    };
    const service = await startListeningService(broker.url, {
      topics,
      settings: { mqttModel: undefined },
    });
    await untilConnected(service);
    const client = await testClient(broker.url);
    const say = (topic: string, message: object) =>
      client.publish(topic, status(message), { qos: 1 });
    await say('fleet/a/status', { status: 0, device_model: 'esp8266' });
    await say('m/esp32c3/b', { status: 0 });
    await say('fleet/c/status', { status: 0 });
    await expect.poll(() => heard(service)).toBe(3);
    const models = async () => {
      const { body } = await service.call('GET', '/api/admin/devices');
      const devices = body.devices as unknown as { device_id: string; device_model: string }[];
      return Object.fromEntries(devices.map((device) => [device.device_id, device.device_model]));
    };
    expect(await models()).toEqual({ a: 'esp8266', b: 'esp32c3', c: 'unknown' });
    await service.check('c', '1.0.0', 'esp32');
    await say('fleet/c/status', { status: 0, current_version: '1.0.1' });
    await expect.poll(() => heard(service)).toBe(4);
    expect(await models()).toMatchObject({ c: 'esp32' });
  });

  it('that must show who it is cannot be spoken for on a topic that all share', async () => {
    const { client, service } = await listening();
    await service.call('PUT', '/api/v1/models/esp32', { auth: 'token' });
    const message = status({ status: 0, device_id: 'd1', device_model: 'esp32' });
    await client.publish('bms/ota/status', message, { qos: 1 });
    await client.publish('fleet/d2/ota/status', message, { qos: 1 });
    await expect.poll(() => heard(service)).toBe(2);
    expect(service.feed.state().messages).toEqual({ refused: 1, taken: 1 });
    expect((await service.call('GET', '/api/admin/devices/d1')).status).toBe(404);
    expect((await service.call('GET', '/api/admin/devices/d2')).status).toBe(200);
  });

  it('that shares a topic without saying its name is called after the topic', async () => {
    const { client, service } = await listening();
    await client.publish('bms/ota/status', status({ status: 0 }), { qos: 1 });
    await expect.poll(() => heard(service)).toBe(1);
    const { body } = await service.call('GET', '/api/admin/devices');
    expect(body.devices).toMatchObject([{ device_id: 'bms/ota/status' }]);
  });

  it('may report over HTTP and MQTT in one update', async () => {
    const { client, service } = await listening();
    await service.upload('2.0.0', testImage('2.0.0'));
    await service.rollout('all', '2.0.0');
    await service.check('d1', '1.0.0');
    await service.report('d1', '2.0.0', 'downloading');
    const say = (message: object) =>
      client.publish('fleet/d1/ota/status', status(message), { qos: 1 });
    await say({ status: 3, available_version: '2.0.0', uptime_sec: 100 });
    await expect.poll(() => heard(service)).toBe(1);
    await service.report('d1', '2.0.0', 'success');
    await say({ status: 0, current_version: '2.0.0', uptime_sec: 1 });
    await expect.poll(() => heard(service)).toBe(2);
    expect(await historyOf(service, 'd1')).toEqual(['pending', ...updated]);
  });
});

describe('a service whose broker is away', () => {
  it('answers requests, says so, and listens as soon as the broker is there', async () => {
    const port = await findFreePort();
    const service = await startListeningService(`mqtt://127.0.0.1:${port}`);
    await expect.poll(() => service.lines.length).toBeGreaterThan(0);
    expect(service.lines[0]).toMatchObject({
      level: 'warn',
      text: 'no connection to the broker',
      data: { error: { code: 'connection-refused' } },
    });
    expect((await service.call('GET', '/ready')).body).toEqual({ status: 'ready', broker: 'away' });
    expect(await service.check('d1', '1.0.0')).toMatchObject({ update_available: false });
    const metrics = await service.call('GET', '/metrics?format=prometheus');
    expect(metrics.body).toContain('ota_mqtt_connected 0');
    const broker = await createBroker({ port });
    onTestFinished(() => broker.close());
    await untilConnected(service);
    expect(service.lines.map(({ text }) => text)).toEqual([
      'no connection to the broker',
      'connected to the broker',
    ]);
    expect((await service.call('GET', '/ready')).body).toMatchObject({ broker: 'connected' });
    const client = await testClient(broker.url);
    await client.publish('fleet/d1/ota/status', '{"status":1,"current_version":"1.0.0"}', {
      qos: 1,
    });
    await expect.poll(() => heard(service)).toBe(1);
    const text = await service.call('GET', '/metrics?format=prometheus');
    expect(text.body).toContain('ota_mqtt_connected 1');
    expect(text.body).toMatch(/ota_mqtt_messages_total\{outcome="\w+"\} 1/);
  });
});

describe('messages that are not reports', () => {
  it('are counted and logged once, and stop nothing', async () => {
    const { client, service } = await listening();
    const wrong = ['{', '[]', '{"status":77}', `{"status":0,"pad":"${'x'.repeat(70_000)}"}`];
    for (const payload of [...wrong, '']) {
      await client.publish('fleet/d1/ota/status', payload, { qos: 1 });
    }
    await client.publish('fleet/d1/ota/status', '{"status":0,"current_version":"1.0.0"}', {
      qos: 1,
    });
    await expect.poll(() => heard(service)).toBe(6);
    expect(service.feed.state().messages).toEqual({ malformed: 4, nothing: 1, taken: 1 });
    const complaints = service.lines.filter(({ level }) => level === 'warn');
    expect(complaints.map(({ data }) => data)).toEqual([
      { topic: 'fleet/d1/ota/status', outcome: 'malformed', why: 'is not JSON' },
    ]);
    const { body } = await service.call('GET', '/metrics');
    expect(body.mqtt).toMatchObject({ connected: true, messages: { malformed: 4 } });
  });

  it.each([
    ['bms/ota/status', { status: 0, current_version: '1', device_id: 'x'.repeat(129) }],
    ['bms/ota/status', { status: 0, current_version: '1'.repeat(65) }],
    [`fleet/${'y'.repeat(129)}/ota/status`, { status: 0, current_version: '1' }],
  ])('from impossible devices are refused: %s %#', async (topic, message) => {
    const { client, service } = await listening();
    await client.publish(topic, JSON.stringify(message), { qos: 1 });
    await expect.poll(() => heard(service)).toBe(1);
    expect(service.feed.state().messages).toEqual({ malformed: 1 });
  });
});
