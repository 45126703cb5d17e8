import { describe, expect, it } from 'vitest';
import {
  drainSession,
  type ReceiverOptions,
} from '../../tools/transports/mqtt/receiver/receiver.ts';
import { testBroker, testClient } from '../support/fleet.ts';
import { receive, settingsFor } from '../support/mqtt-receiver.ts';

describe('a receiver at an MQTT 3.1.1 broker', () => {
  it('keeps its place over a restart, and loses nothing that came meanwhile', async () => {
    const broker = await testBroker();
    const taken: string[] = [];
    const handle: ReceiverOptions['handle'] = async ({ payload }) => void taken.push(`${payload}`);
    const first = receive(broker.url, handle);
    await first.connected().toBe(true);
    expect(first.events).toMatchObject([{ type: 'connected', version: 4, shared: false }]);
    await first.stop();
    const client = await testClient(broker.url);
    for (const text of ['one', 'two']) await client.publish('a/1', text, { qos: 1 });
    receive(broker.url, handle);
    await expect.poll(() => taken).toEqual(['one', 'two']);
  });

  it('takes what another one left, and ends its session', async () => {
    const broker = await testBroker();
    const taken: string[] = [];
    const first = receive(broker.url, async () => {
      throw new Error('nothing works');
    });
    await first.connected().toBe(true);
    const client = await testClient(broker.url);
    for (const text of ['one', 'two', 'three']) await client.publish('a/1', text, { qos: 1 });
    await first.stop();
    const options = {
      settings: settingsFor(broker.url),
      filters: ['a/+'],
      group: 'g',
      handle: async ({ payload }: { payload: Buffer }) => void taken.push(`${payload}`),
      signal: new AbortController().signal,
    };
    expect(await drainSession(options)).toBe(true);
    expect(taken).toEqual(['one', 'two', 'three']);
    expect(await drainSession(options)).toBe(false);
  });

  it('leaves to others what it cannot take before it is told to stop', async () => {
    const broker = await testBroker();
    const first = receive(broker.url, () => Promise.reject(new Error('nothing works')));
    await first.connected().toBe(true);
    const client = await testClient(broker.url);
    await client.publish('a/1', 'one', { qos: 1 });
    await first.stop();
    const controller = new AbortController();
    const options = { settings: settingsFor(broker.url), filters: ['a/+'], group: 'g' };
    const draining = drainSession({
      ...options,
      // As while the database is away.
      handle(_message, _session, signal) {
        setImmediate(() => controller.abort());
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('given back')));
        });
      },
      signal: controller.signal,
    });
    await expect(draining).rejects.toThrow();
    const taken: string[] = [];
    const handle: ReceiverOptions['handle'] = async ({ payload }) => void taken.push(`${payload}`);
    receive(broker.url, handle);
    await expect.poll(() => taken).toEqual(['one']);
  });

  it('stops reading while the window is full', async () => {
    const broker = await testBroker();
    const waiting: (() => void)[] = [];
    const receiver = receive(
      broker.url,
      () => new Promise((resolve) => void waiting.push(resolve)),
    );
    await receiver.connected().toBe(true);
    const client = await testClient(broker.url);
    const text = 'x'.repeat(900);
    await Promise.all(Array.from({ length: 900 }, () => client.publish('a/1', text, { qos: 0 })));
    await client.publish('a/1', 'last', { qos: 1 });
    // What fits into a chunk of the socket is there, and no more.
    await expect.poll(() => waiting.length).toBeGreaterThanOrEqual(10);
    expect(waiting.length).toBeLessThan(200);
    let taken = 0;
    await expect
      .poll(
        () => {
          for (const go of waiting.splice(0)) {
            go();
            taken += 1;
          }
          return taken;
        },
        { interval: 1, timeout: 10_000 },
      )
      .toBe(901);
  });

  it('throws away messages that are too large as they come, and acknowledges them', async () => {
    const broker = await testBroker();
    const taken: (number | undefined)[] = [];
    const receiver = receive(
      broker.url,
      async ({ oversizeBytes }) => void taken.push(oversizeBytes),
    );
    await receiver.connected().toBe(true);
    const client = await testClient(broker.url);
    await client.publish('a/1', 'x'.repeat(300_000), { qos: 1 });
    await client.publish('a/1', 'small', { qos: 1 });
    await expect.poll(() => taken.length).toBe(2);
    expect(taken[0]).toBeGreaterThan(300_000);
    expect(taken[1]).toBeUndefined();
    await receiver.stop();
    const again = receive(broker.url, async () => void taken.push(0));
    await again.connected().toBe(true);
    await client.publish('a/1', 'new', { qos: 1 });
    await expect.poll(() => taken.at(-1)).toBe(0);
    expect(taken).toHaveLength(3);
  });
});
