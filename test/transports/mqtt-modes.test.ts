import { describe, expect, it } from 'vitest';
import type { SimulatedBroker } from '../../tools/simulator/broker.ts';
import { mqtt } from '../../tools/transports/mqtt.ts';
import { code } from '../support/code.ts';
import { factsOf, failureOf, payloadOf, sendContext } from '../support/deliveries.ts';
import {
  testBroker,
  testClient,
  testFleet,
  testImage,
  testUpdateServer,
} from '../support/fleet.ts';
import { createTestClock, type TestClock } from '../support/test-clock.ts';

const image = testImage('1.1.0', 100_000);
const facts = factsOf(image, { version: '1.1.0' });
const live = { now: () => new Date(), random: Math.random };

/** What a sender and its devices have in common: a clock that tests own. */
function liveBy(clock: TestClock) {
  const { sleep } = clock;
  return { context: { ...live, now: () => new Date(clock.now()), sleep }, fleet: clock };
}

function deliveryOf(channel: Record<string, unknown>) {
  const [delivery] = mqtt.prepare(channel, { artifact: facts, devices: [] });
  if (delivery === undefined) throw new Error('no delivery');
  return delivery;
}

describe('the modes of an MQTT channel', () => {
  const base = { broker: 'mqtt://b', topic: 't' };

  it.each([
    [{ mode: 'announce' }],
    [{ mode: 'announce', url: 'ftp://x' }],
    [{ mode: 'announce', url: 'https://x/{what}' }],
    [{ url: 'https://x' }],
    [{ chunk_size: 1024 }],
    [{ mode: 'chunked', chunk_size: 1 }],
    [{ mode: 'smoke' }],
  ])('refuse %j', (change) => {
    expect(code(() => deliveryOf({ ...base, ...change }))).toBe('channel-invalid');
  });

  it('show their settings', () => {
    const announce = { mode: 'announce', url: 'https://x/{version}/{filename}' };
    expect(deliveryOf({ ...base, ...announce }).settings).toMatchObject({
      mode: 'announce',
      url: 'https://x/1.1.0/Test_Gateway-1.2.3.bin',
    });
    expect(deliveryOf({ ...base, mode: 'chunked' }).settings).toMatchObject({
      mode: 'chunked',
      chunk_size: 16_384,
      window: 16,
      deadline: 600,
    });
  });
});

describe('mode announce', () => {
  it('says where the firmware is, and devices fetch it', async () => {
    const broker = await testBroker();
    const server = await testUpdateServer('1.1.0', image);
    const fleet = await testFleet(broker.url, 2, { source: 'announce', topic: 'news' });
    const channel = { broker: broker.url, topic: 'news', mode: 'announce', retain: true };
    const url = `${server.url}/firmware.bin`;
    await deliveryOf({ ...channel, url }).send(payloadOf(image, facts), sendContext(live));
    await expect.poll(() => fleet.versions(), { timeout: 5000 }).toEqual({ '1.1.0': 2 });
    const message = broker.published.find(({ topic }) => topic === 'news');
    expect(message?.retain).toBe(true);
    expect(JSON.parse(String(message?.payload))).toMatchObject({
      version: '1.1.0',
      url,
      size: image.length,
      sha256: facts.sha256,
    });
  });
});

/** `dev-0000 failed`: how devices have said that it ended for them, from the given message on. */
function ended(broker: SimulatedBroker, from = 0): string[] {
  const said = broker.published
    .slice(from)
    .filter(({ topic }) => topic === 'fw/request')
    .map(({ payload }) => JSON.parse(String(payload)))
    .filter(({ state }) => state !== 'missing')
    .map(({ device_id, state }) => `${device_id} ${state}`);
  return [...new Set(said)].sort();
}

describe('mode chunked', () => {
  const channelFor = (url: string, more: Record<string, unknown> = {}) => ({
    broker: url,
    topic: 'fw',
    mode: 'chunked',
    chunk_size: 4096,
    ...more,
  });

  it('brings the firmware to every device, whatever gets lost on the way', async () => {
    const broker = await testBroker();
    const by = liveBy(createTestClock(20));
    const profile = { source: 'push', topic: 'fw' };
    const fleet = await testFleet(broker.url, 4, profile, { ...by.fleet, loss: 0.3 });
    const devices = fleet.devices.map(({ name }) => name);
    const receipt = await deliveryOf(channelFor(broker.url, { devices })).send(
      payloadOf(image, facts),
      sendContext(by.context),
    );
    expect(receipt.answer).toMatch(/^4 devices have it, after \d+ rounds$/);
    await expect.poll(() => fleet.versions(), { timeout: 5000 }).toEqual({ '1.1.0': 4 });
  });

  it('reaches a device whose power fails in the middle', async () => {
    const broker = await testBroker();
    const faults = [{ fault: 'power_cut', count: 1, percent: 50 }];
    const profile = { source: 'push', topic: 'fw', faults };
    const fleet = await testFleet(broker.url, 2, profile, { loss: 0.3 });
    const channel = channelFor(broker.url, { devices: ['dev-0000', 'dev-0001'], deadline: 40 });
    await deliveryOf(channel).send(payloadOf(image, facts), sendContext(live));
    await expect.poll(() => fleet.versions(), { timeout: 5000 }).toEqual({ '1.1.0': 2 });
  }, 45_000);

  it('sends only once what nobody misses, and clears the manifest in the end', async () => {
    const broker = await testBroker();
    await testFleet(broker.url, 2, { source: 'push', topic: 'fw' });
    await deliveryOf(channelFor(broker.url, { devices: ['dev-0000', 'dev-0001'] })).send(
      payloadOf(image, facts),
      sendContext(live),
    );
    const chunks = broker.published.filter(({ topic }) => topic === 'fw/chunk');
    expect(chunks).toHaveLength(Math.ceil(image.length / 4096));
    const manifests = () =>
      broker.published
        .filter(({ topic }) => topic === 'fw/manifest')
        .map(({ payload, retain }) => [payload.length > 0, retain]);
    await expect.poll(manifests).toEqual([
      [true, true],
      [false, true],
    ]);
  });

  it('counts devices that run the firmware already', async () => {
    const broker = await testBroker();
    const fleet = await testFleet(broker.url, 1, { source: 'push', topic: 'fw' });
    const channel = channelFor(broker.url, { devices: ['dev-0000'], deadline: 10 });
    const send = () => deliveryOf(channel).send(payloadOf(image, facts), sendContext(live));
    await send();
    await expect.poll(() => fleet.versions(), { timeout: 5000 }).toEqual({ '1.1.0': 1 });
    await fleet.devices[0]?.idle();
    // It may answer before the first round.
    expect((await send()).answer).toMatch(/^1 device has it, after (0 rounds|1 round)$/);
  }, 20_000);

  it('names the devices that do not have it at the deadline', async () => {
    const broker = await testBroker();
    const faults = [{ fault: 'bad_hash', count: 1 }];
    const clock = createTestClock();
    const { context, fleet } = liveBy(clock);
    await testFleet(broker.url, 2, { source: 'push', topic: 'fw', faults }, fleet);
    const devices = ['dev-0000', 'dev-0001', 'gone'];
    const failure = failureOf(
      deliveryOf(channelFor(broker.url, { devices, deadline: 60 })).send(
        payloadOf(image, facts),
        sendContext(context),
      ),
    );
    await expect
      .poll(() => ended(broker), { timeout: 5000 })
      .toEqual(['dev-0000 failed', 'dev-0001 complete']);
    clock.skip(60_000);
    expect(await failure).toMatchObject({
      code: 'chunks-incomplete',
      message: '2 of 3 devices do not have the firmware at the deadline',
      details: ['dev-0000: the SHA-256 is wrong', 'gone: no answer'],
    });
  });

  it('needs nobody in particular, and says when nobody answered', async () => {
    const broker = await testBroker();
    const receipt = await deliveryOf(channelFor(broker.url, { settle: 0.2 })).send(
      payloadOf(image, facts),
      sendContext(live),
    );
    expect(receipt.warnings).toEqual(['no device has answered']);
  });

  it('goes on where a publisher was cut off: devices keep their chunks', async () => {
    const broker = await testBroker();
    const fleet = await testFleet(broker.url, 1, { source: 'push', topic: 'fw' });
    const controller = new AbortController();
    const channel = channelFor(broker.url, { devices: ['dev-0000'], window: 1 });
    const first = deliveryOf(channel).send(
      payloadOf(image, facts),
      sendContext({
        ...live,
        signal: controller.signal,
        onProgress: (sent) => {
          if (sent > 50_000) controller.abort();
        },
      }),
    );
    expect(await failureOf(first)).toMatchObject({ code: 'cancelled' });
    const sent = () => broker.published.filter(({ topic }) => topic === 'fw/chunk').length;
    const before = sent();
    const receipt = await deliveryOf(channel).send(payloadOf(image, facts), sendContext(live));
    const whole = Math.ceil(image.length / 4096);
    const [, chunks] = /^1 devices have it, after 1 round; .* (\d+) chunks sent$/.exec(
      receipt.answer ?? '',
    ) ?? ['', ''];
    expect(Number(chunks)).toBeLessThanOrEqual(whole - before);
    // What the first publisher had on its way when it was cut off comes besides.
    expect(sent()).toBeLessThanOrEqual(whole + 1);
    await expect.poll(() => fleet.versions(), { timeout: 5000 }).toEqual({ '1.1.0': 1 });
  });

  it('keeps the manifest for the next run when somebody has not got it', async () => {
    const broker = await testBroker();
    const channel = channelFor(broker.url, { devices: ['dev-0000'], deadline: 0.3 });
    const send = (more: Record<string, unknown> = {}) =>
      deliveryOf({ ...channel, ...more }).send(payloadOf(image, facts), sendContext(live));
    expect(await failureOf(send())).toMatchObject({ code: 'chunks-incomplete' });
    const fleet = await testFleet(broker.url, 1, { source: 'push', topic: 'fw' });
    const receipt = await send({ deadline: 20 });
    expect(receipt.answer).toContain('went on with an earlier run');
    const last = () => broker.published.findLast(({ topic }) => topic === 'fw/manifest')?.payload;
    await expect.poll(last).toHaveLength(0);
    await expect.poll(() => fleet.versions(), { timeout: 5000 }).toEqual({ '1.1.0': 1 });
  });

  it('asks first after a cut, and hears of devices that have finished meanwhile', async () => {
    const broker = await testBroker();
    const fleet = await testFleet(broker.url, 2, { source: 'push', topic: 'fw', version: '1.1.0' });
    const devices = fleet.devices.map(({ name }) => name);
    const keep = deliveryOf(channelFor(broker.url, { settle: 0.05, retain: true }));
    await keep.send(payloadOf(image, facts), sendContext(live));
    const sent = () => broker.published.filter(({ topic }) => topic === 'fw/chunk').length;
    const before = sent();
    const receipt = await deliveryOf(channelFor(broker.url, { devices })).send(
      payloadOf(image, facts),
      sendContext(live),
    );
    expect(sent()).toBe(before);
    expect(receipt.answer).toMatch(/^2 devices have it, after 0 rounds; .* 0 chunks sent$/);
  });

  it('hears at once from a device that cannot take the firmware', async () => {
    const broker = await testBroker();
    const profile = { source: 'push', topic: 'fw', slot_bytes: 65_536 };
    await testFleet(broker.url, 1, profile);
    const sending = deliveryOf(channelFor(broker.url, { devices: ['dev-0000'] })).send(
      payloadOf(image, facts),
      sendContext(live),
    );
    expect(await failureOf(sending)).toMatchObject({
      code: 'chunks-incomplete',
      details: ['dev-0000: 100000 bytes do not fit the slot'],
    });
  });

  it('is tried again by a device that failed, when a publisher begins again', async () => {
    const broker = await testBroker();
    const faults = [{ fault: 'fail_at', percent: 50, count: 1 }];
    const clock = createTestClock(10);
    const { context, fleet } = liveBy(clock);
    await testFleet(broker.url, 1, { source: 'push', topic: 'fw', faults }, fleet);
    const channel = channelFor(broker.url, { devices: ['dev-0000', 'gone'], deadline: 60 });
    const chunks = () => broker.published.filter(({ topic }) => topic === 'fw/chunk').length;
    const run = async () => {
      const from = broker.published.length;
      const sending = failureOf(
        deliveryOf(channel).send(payloadOf(image, facts), sendContext(context)),
      );
      await expect.poll(() => ended(broker, from), { timeout: 5000 }).toEqual(['dev-0000 failed']);
      clock.skip(60_000);
      return await sending;
    };
    await run();
    const before = chunks();
    expect(await run()).toMatchObject({
      details: ['dev-0000: a flash sector is broken', 'gone: no answer'],
    });
    expect(chunks() - before).toBe(Math.ceil(image.length / 4096));
  });

  it('is refused when a chunk does not fit a packet or there would be too many', async () => {
    const broker = await testBroker();
    await testClient(broker.url);
    const huge = { ...facts, sizeBytes: 100_000_000 };
    const [delivery] = mqtt.prepare(channelFor(broker.url, { chunk_size: 256 }), {
      artifact: huge,
      devices: [],
    });
    const payload = { ...payloadOf(image, facts), facts: huge };
    expect(
      await failureOf(delivery?.send(payload, sendContext(live)) as Promise<unknown>),
    ).toMatchObject({ code: 'mqtt-too-large' });
  });
});
