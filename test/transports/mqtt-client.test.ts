import { getEventListeners, once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type BrokerOptions, createBroker } from '../../tools/simulator/broker.ts';
import { parseBroker } from '../../tools/transports/mqtt/connection/broker-url.ts';
import {
  type BrokerClient,
  type ClientContext,
  type ClientSettings,
  openClient,
} from '../../tools/transports/mqtt/connection/client.ts';
import { matchesFilter } from '../../tools/transports/mqtt/topic-filter.ts';
import { holdClosedPort } from '../support/closed-port.ts';
import { rejection } from '../support/code.ts';
import { createSilentServer } from '../support/peers.ts';

async function broker(options: BrokerOptions = {}) {
  const running = await createBroker(options);
  onTestFinished(() => running.close());
  return running;
}

async function client(
  url: string,
  changes: Partial<ClientSettings> = {},
  context: Partial<ClientContext> = {},
): Promise<BrokerClient> {
  const opened = await openClient(
    {
      broker: parseBroker(url),
      tls: {},
      insecure: false,
      clientId: `test-${Math.random()}`,
      keepaliveSeconds: 60,
      sessionSeconds: 0,
      timeoutMs: 5000,
      ...changes,
    },
    { signal: new AbortController().signal, ...context },
  );
  onTestFinished(() => opened.close());
  return opened;
}

describe('a connection to a broker', () => {
  it('falls back to MQTT 3.1.1, and delivers what was subscribed to', async () => {
    const { url } = await broker();
    const listener = await client(url);
    const speaker = await client(url);
    expect(listener.version).toBe(4);
    await speaker.publish('a/kept', 'old', { qos: 1, retain: true });
    const arrived: string[] = [];
    const two = new Promise<void>((resolve) => {
      void listener.subscribe('a/+', 1, ({ topic, payload, retained }) => {
        arrived.push(`${topic} ${payload} ${retained}`);
        if (arrived.length === 1) void speaker.publish('a/live', 'new', { qos: 1 });
        else resolve();
      });
    });
    await two;
    expect(arrived).toEqual(['a/kept old true', 'a/live new false']);
  });

  it('comes back by itself with its subscriptions', async () => {
    const { url } = await broker();
    const events = new EventTarget();
    const listener = await client(
      url,
      {},
      { notify: (name) => events.dispatchEvent(new Event(name)) },
    );
    const heard = new Promise<string>((resolve) => {
      void listener.subscribe('x', 1, ({ payload }) => resolve(payload.toString()));
    });
    const back = once(events, 'back');
    listener.reconnect();
    await back;
    await listener.publish('x', 'again', { qos: 1 });
    expect(await heard).toBe('again');
  });

  it.each([
    ['connection-refused', async () => `mqtt://127.0.0.1:${await holdClosedPort()}`],
    ['host-unknown', async () => 'mqtt://no-such-host.invalid'],
    ['unauthorized', async () => (await broker({ users: { a: 'b' } })).url],
  ])('fails with %s', async (code, urlOf) => {
    expect((await rejection(client(await urlOf()))).code).toBe(code);
  });

  it('fails in time when nobody answers', async () => {
    const silent = await createSilentServer();
    onTestFinished(() => silent.close());
    const failure = await rejection(client(`mqtt://127.0.0.1:${silent.port}`, { timeoutMs: 50 }));
    expect(failure.code).toBe('timeout');
  });

  it('leaves nothing at the signal when it is closed', async () => {
    const { url } = await broker();
    const { signal } = new AbortController();
    const speaker = await client(url, {}, { signal });
    await speaker.close();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('ends when it is cancelled, also while it waits for an acknowledgement', async () => {
    const { url } = await broker();
    const controller = new AbortController();
    const speaker = await client(url, {}, { signal: controller.signal });
    speaker.reconnect();
    const publishing = rejection(speaker.publish('x', 'y', { qos: 1 }));
    controller.abort();
    expect((await publishing).code).toBe('cancelled');
    const late = rejection(client(url, {}, { signal: controller.signal }));
    expect((await late).code).toBe('cancelled');
  });
});

describe('a topic filter', () => {
  it.each([
    ['a/b', 'a/b', true],
    ['a/+', 'a/b', true],
    ['a/+', 'a/b/c', false],
    ['a/+/c', 'a/b/c', true],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['a/b', 'a', false],
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
  ])('%s and %s: %s', (filter, topic, matches) => {
    expect(matchesFilter(filter, topic)).toBe(matches);
  });
});
