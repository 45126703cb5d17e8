import { describe, expect, it } from 'vitest';
import type { SendContext } from '../../tools/core/release/delivery.ts';
import type { BrokerClient } from '../../tools/transports/mqtt/connection/client.ts';
import { clearStanding } from '../../tools/transports/mqtt/standing.ts';
import { mqtt } from '../../tools/transports/mqtt.ts';
import { code } from '../support/code.ts';
import { factsOf, failureOf, payloadOf, sendContext } from '../support/deliveries.ts';
import {
  commandFleet,
  never,
  testBroker,
  testClient,
  testFleet,
  testImage,
  testUpdateServer,
} from '../support/fleet.ts';
import { scriptedBroker } from '../support/mqtt.ts';

const image = testImage('1.1.0');
const facts = factsOf(image, { version: '1.1.0' });
const topics = { topic: 'news', status_topic: 'fleet/{device}/ota/status' };
const announcing = { source: 'announce', topic: 'news' };

function deliveryOf(channel: Record<string, unknown>, changes = {}) {
  const artifact = { ...facts, ...changes };
  const [delivery] = mqtt.prepare(channel, { artifact, devices: [] });
  if (delivery === undefined) throw new Error('no delivery');
  return delivery;
}

async function scene(settings: Record<string, unknown> = {}) {
  const broker = await testBroker();
  const server = await testUpdateServer('1.1.0', image);
  const channel = {
    broker: broker.url,
    mode: 'announce',
    url: `${server.url}/firmware.bin`,
    retain: true,
    ...topics,
    ...settings,
  };
  const delivery = deliveryOf(channel);
  const live = { now: () => new Date(), random: Math.random };
  return {
    broker,
    channel,
    send: (context: Partial<SendContext> = {}) =>
      delivery.send(payloadOf(image, facts), sendContext({ ...live, ...context })),
    clear: (changes = {}) => deliveryOf(channel, changes).clear?.(sendContext(live)),
    /** What was published on the topic of announcements: its version, or nothing. */
    news: () =>
      broker.published
        .filter(({ topic }) => topic === 'news')
        .map(({ payload }) =>
          payload.length === 0 ? 'empty' : JSON.parse(String(payload)).version,
        ),
  };
}

describe('a retained announcement whose devices are followed', () => {
  it('is cleared when all of them run the version', async () => {
    const { broker, send, news } = await scene({ devices: ['dev-0000', 'dev-0001'] });
    const fleet = await testFleet(broker.url, 2, announcing);
    const receipt = await send();
    expect(receipt.answer).toBe('2 devices run 1.1.0; the announcement is cleared');
    expect(receipt.warnings).toEqual([]);
    expect(fleet.versions()).toEqual({ '1.1.0': 2 });
    expect(news()).toEqual(['1.1.0', 'empty']);
    expect(broker.published.find(({ topic }) => topic === 'news')).toMatchObject({ retain: true });
    expect(broker.published.findLast(({ topic }) => topic === 'news')?.retain).toBe(true);
  });

  it('waits for devices that sleep, and counts those that run the version already', async () => {
    const { broker, send, news } = await scene({ devices: ['dev-0000', 'dev-0001'] });
    const early = await testFleet(broker.url, 1, { ...announcing, version: '1.1.0' });
    const sending = send();
    await expect.poll(news).toEqual(['1.1.0']);
    await early.close();
    const late = await testFleet(broker.url, 2, { ...announcing, device_prefix: 'dev-' });
    expect((await sending).answer).toBe('2 devices run 1.1.0; the announcement is cleared');
    expect(late.versions()).toEqual({ '1.1.0': 2 });
  });

  it('stays when a device fails, and the failure says so', async () => {
    const { broker, send, news } = await scene({ devices: ['dev-0000', 'dev-0001', 'dev-0002'] });
    const faults = [
      { fault: 'bad_hash', count: 1 },
      { fault: 'self_test', count: 1 },
    ];
    const fleet = await testFleet(broker.url, 3, { ...announcing, faults });
    expect(await failureOf(send())).toMatchObject({
      code: 'fleet-incomplete',
      retryable: false,
      message: '2 of 3 devices do not run 1.1.0; the announcement stays on news',
      details: [
        'dev-0000: ESP_ERR_OTA_VALIDATE_FAILED: the SHA-256 is wrong',
        'dev-0001: the new image was given up: runs 1.0.0',
      ],
      hint: expect.stringMatching(/ota deploy --version 1\.1\.0 --clear$/),
    });
    expect(news()).toEqual(['1.1.0']);
    expect(fleet.versions()).toEqual({ '1.0.0': 2, '1.1.0': 1 });
  });

  it('stays at the deadline, and each device is named with its last state', async () => {
    const { broker, send, news } = await scene({ devices: ['dev-0000', 'gone'], deadline: 0.5 });
    await testFleet(broker.url, 1, { ...announcing, faults: [{ fault: 'silent', count: 1 }] });
    expect(await failureOf(send())).toMatchObject({
      message: '2 of 2 devices do not run 1.1.0; the announcement stays on news',
      details: [
        'dev-0000: no answer in 0.5 s; before the announcement: idle, runs 1.0.0 (Ready)',
        'gone: no answer in 0.5 s',
      ],
    });
    expect(news()).toEqual(['1.1.0']);
  });

  it('stays when somebody presses Ctrl-C, and the failure says so', async () => {
    const { send, news } = await scene({ devices: ['gone'] });
    const stop = new AbortController();
    const sending = failureOf(send({ signal: stop.signal }));
    await expect.poll(news).toEqual(['1.1.0']);
    stop.abort();
    expect(await sending).toMatchObject({
      code: 'fleet-incomplete',
      message: 'cancelled: 1 of 1 devices do not run 1.1.0; the announcement stays on news',
    });
  });

  it('stays, too, when that happens before the broker has acknowledged it', async () => {
    const stop = new AbortController();
    const broker = await scriptedBroker({
      onPacket(packet, connection) {
        const { cmd, messageId = 0 } = packet;
        if (cmd === 'subscribe') connection.send({ cmd: 'suback', messageId, granted: [1] });
        if (cmd === 'publish') stop.abort();
      },
    });
    const { channel } = await scene({ devices: ['gone'] });
    const context = sendContext({ now: () => new Date(), signal: stop.signal });
    const delivery = deliveryOf({ ...channel, broker: broker.url });
    const sending = failureOf(delivery.send(payloadOf(image, facts), context));
    expect(await sending).toMatchObject({ code: 'fleet-incomplete' });
  });

  it('is left alone when a newer one has taken its place', async () => {
    const { broker, send, news } = await scene({ devices: ['dev-0000'] });
    const sending = send();
    await expect.poll(news).toEqual(['1.1.0']);
    const other = await testClient(broker.url);
    await other.publish('news', '{"version":"1.2.0"}', { qos: 1, retain: true });
    const status = { status: 0, current_version: '1.1.0' };
    const options = { qos: 1, retain: true } as const;
    await other.publish('fleet/dev-0000/ota/status', JSON.stringify(status), options);
    expect(await sending).toMatchObject({
      answer: '1 device runs 1.1.0',
      warnings: ['another announcement stands on news: it was left alone'],
    });
    expect(news()).toEqual(['1.1.0', '1.2.0']);
  });

  it('says when the broker does not show it', async () => {
    const { broker, send } = await scene({ devices: ['dev-0000'] });
    const other = await testClient(broker.url);
    const sending = send();
    const announced = () => broker.published.some(({ topic }) => topic === 'news');
    await expect.poll(announced).toBe(true);
    await other.publish('news', '', { qos: 1, retain: true });
    const status = JSON.stringify({ status: 0, current_version: '1.1.0' });
    await other.publish('fleet/dev-0000/ota/status', status, { qos: 1, retain: true });
    expect((await sending).warnings).toEqual([
      'the broker shows no announcement on news: none was cleared',
    ]);
  });
});

describe('an announcement that is not retained', () => {
  it('can be followed, too; there is nothing to clear', async () => {
    const { broker, send, news } = await scene({ devices: ['dev-0000'], retain: false });
    await testFleet(broker.url, 1, announcing);
    expect((await send()).answer).toBe('1 device runs 1.1.0');
    expect(news()).toEqual(['1.1.0']);
  });
});

describe('following devices', () => {
  it('is not led astray by the id of an earlier command', async () => {
    const { broker, send } = await scene({ devices: ['dev-0000'] });
    const fleet = await testFleet(broker.url, 1, announcing);
    await commandFleet(await testClient(broker.url), { action: 'status', commandId: 'earlier' });
    expect((await send()).answer).toBe('1 device runs 1.1.0; the announcement is cleared');
    expect(fleet.versions()).toEqual({ '1.1.0': 1 });
  });

  it.each([
    [{ devices: ['a'], status_topic: undefined }, 'status_topic: is needed to follow "devices"'],
    [{ devices: ['a'], status_topic: 'x/#' }, /^status_topic: the topic "x\/#" holds a wildcard/],
    [{ devices: ['a'], status_topic: 'x/{who}' }, /^status_topic: .* has \{who\}/],
    [{}, 'status_topic: has no meaning without "devices"'],
    [{ devices: ['a'], window: 2 }, 'window: has no meaning with "mode": "announce"'],
  ])('is refused with %j', (settings, problem) => {
    const base = { broker: 'mqtt://b', mode: 'announce', url: 'https://x/y', ...topics };
    const channel = JSON.parse(JSON.stringify({ ...base, ...settings }));
    expect(code(() => deliveryOf(channel))).toBe('channel-invalid');
    expect(() => deliveryOf(channel)).toThrow(
      expect.objectContaining({ details: [expect.stringMatching(problem)] }),
    );
  });
});

describe('a virtual device that gave an image up', () => {
  it('does not take it again from the announcement that stands', async () => {
    const { broker, send } = await scene({ devices: ['dev-0000'] });
    const faults = [{ fault: 'old_image', count: 1 }];
    const fleet = await testFleet(broker.url, 1, { ...announcing, faults });
    await failureOf(send());
    await fleet.devices[0]?.idle();
    const written = broker.published.filter(({ payload }) =>
      String(payload).includes('Update written'),
    );
    expect(written).toHaveLength(1);
  });
});

describe('taking back what a broker keeps', () => {
  it.each([
    ['an announcement', { mode: 'announce', url: 'https://x/y' }, 'fw'],
    ['the firmware itself', {}, 'fw'],
    ['a manifest of chunks', { mode: 'chunked', settle: 0.1 }, 'fw/manifest'],
  ])(
    'clears %s of that version, and nothing else',
    async (_what, settings, topic) => {
      const broker = await testBroker();
      const channel = { broker: broker.url, topic: 'fw', retain: true, ...settings };
      const delivery = deliveryOf(channel);
      const live = sendContext({ now: () => new Date(), random: Math.random });
      const kept = () => broker.published.findLast((message) => message.topic === topic)?.payload;
      expect((await delivery.clear?.(live))?.answer).toBe(`${topic}: nothing is kept there`);
      await delivery.send(payloadOf(image, facts), live);
      const newer = testImage('1.2.0');
      const other = factsOf(newer, { version: '1.2.0' });
      const [later] = mqtt.prepare(channel, { artifact: other, devices: [] });
      expect((await later?.clear?.(live))?.answer).toMatch(
        /is kept there, not 1\.2\.0; it was left/,
      );
      expect(kept()?.length).toBeGreaterThan(0);
      expect((await delivery.clear?.(live))?.answer).toBe(`${topic}: 1.1.0 is cleared`);
      expect(kept()).toHaveLength(0);
      expect((await delivery.clear?.(live))?.answer).toBe(`${topic}: nothing is kept there`);
    },
    20_000,
  );

  it('clears the description of the firmware, too', async () => {
    const { clear, broker } = await scene({ metadata_topic: 'about', status_topic: undefined });
    const client = await testClient(broker.url);
    await client.publish('about', '{"version":"1.1.0"}', { qos: 1, retain: true });
    await client.publish('news', 'no announcement', { qos: 1, retain: true });
    expect((await clear())?.answer).toBe(
      'news: something else is kept there, not 1.1.0; it was left alone; about: 1.1.0 is cleared',
    );
  });

  it('puts a message back that came in the very moment of clearing', async () => {
    const broker = await testBroker();
    const client = await testClient(broker.url);
    const rival = await testClient(broker.url);
    await client.publish('news', 'ours', { qos: 1, retain: true });
    const late: BrokerClient = {
      ...client,
      async publish(topic, payload, options) {
        if (payload === '') await rival.publish('news', 'newer', { qos: 1, retain: true });
        await client.publish(topic, payload, options);
      },
    };
    const isOurs = (payload: Buffer) => payload.toString() === 'ours';
    const clearing = await clearStanding(late, { topic: 'news', sizeBytes: 4, isOurs }, never);
    expect(clearing).toEqual({ kind: 'restored', payload: Buffer.from('newer') });
    const later = await testClient(broker.url);
    const kept = new Promise((resolve) => {
      void later.subscribe('news', 1, ({ payload, retained }) => resolve(`${payload} ${retained}`));
    });
    expect(await kept).toBe('newer true');
  });
});
