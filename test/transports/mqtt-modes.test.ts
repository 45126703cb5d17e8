import { describe, expect, it } from 'vitest';
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

const image = testImage('1.1.0', 100_000);
const facts = factsOf(image, { version: '1.1.0' });
const live = { now: () => new Date(), random: Math.random };

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
    const fleet = await testFleet(broker.url, 4, { source: 'push', topic: 'fw' }, { loss: 0.3 });
    const devices = fleet.devices.map(({ name }) => name);
    const receipt = await deliveryOf(channelFor(broker.url, { devices })).send(
      payloadOf(image, facts),
      sendContext(live),
    );
    expect(receipt.answer).toMatch(/^4 devices have it, after \d+ rounds$/);
    await expect.poll(() => fleet.versions(), { timeout: 5000 }).toEqual({ '1.1.0': 4 });
  }, 20_000);

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
  }, 20_000);

  it('counts devices that run the firmware already', async () => {
    const broker = await testBroker();
    const fleet = await testFleet(broker.url, 1, { source: 'push', topic: 'fw' });
    const channel = channelFor(broker.url, { devices: ['dev-0000'], deadline: 10 });
    const send = () => deliveryOf(channel).send(payloadOf(image, facts), sendContext(live));
    await send();
    await expect.poll(() => fleet.versions(), { timeout: 5000 }).toEqual({ '1.1.0': 1 });
    await fleet.devices[0]?.idle();
    expect((await send()).answer).toBe('1 device has it, after 1 round');
  }, 20_000);

  it('names the devices that do not have it at the deadline', async () => {
    const broker = await testBroker();
    const faults = [{ fault: 'bad_hash', count: 1 }];
    await testFleet(broker.url, 2, { source: 'push', topic: 'fw', faults });
    const devices = ['dev-0000', 'dev-0001', 'gone'];
    const failure = await failureOf(
      deliveryOf(channelFor(broker.url, { devices, deadline: 3 })).send(
        payloadOf(image, facts),
        sendContext(live),
      ),
    );
    expect(failure).toMatchObject({
      code: 'chunks-incomplete',
      message: '2 of 3 devices do not have the firmware at the deadline',
      details: ['dev-0000: the SHA-256 is wrong', 'gone: no answer'],
    });
  }, 20_000);

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
    await deliveryOf(channel).send(payloadOf(image, facts), sendContext(live));
    await expect.poll(() => fleet.versions(), { timeout: 5000 }).toEqual({ '1.1.0': 1 });
  }, 20_000);

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
