import { generate, type Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { scriptedBroker } from '../support/mqtt.ts';
import { acknowledged, grantingScript, message, receive } from '../support/mqtt-receiver.ts';
import { acknowledge } from '../support/scripted-broker.ts';

describe('a receiver of messages', () => {
  it('asks for a session that outlives it, a window, and a share', async () => {
    const broker = await scriptedBroker(grantingScript(() => undefined));
    await receive(broker.url, async () => undefined)
      .connected()
      .toBe(true);
    const connect = broker.packets.find(({ cmd }) => cmd === 'connect');
    expect(connect).toMatchObject({
      clean: false,
      clientId: 'receiver-0',
      properties: { sessionExpiryInterval: 3600, receiveMaximum: 10, maximumPacketSize: 1000 },
    });
    const subscribe = broker.packets.find(({ cmd }) => cmd === 'subscribe');
    expect(subscribe).toMatchObject({
      subscriptions: [{ topic: '$share/g/a/+', qos: 1, rh: 2 }],
    });
  });

  it('acknowledges when the work is done, and in the order in which messages came', async () => {
    const work = new Map<string, () => void>();
    let say = (_packet: Packet): void => undefined;
    const broker = await scriptedBroker(
      grantingScript((connection) => {
        say = connection.send;
        for (const id of [1, 2, 3]) say(message(id));
      }),
    );
    receive(
      broker.url,
      ({ payload }) => new Promise((resolve) => work.set(payload.toString(), resolve)),
    );
    await expect.poll(() => work.size).toBe(3);
    work.get('m2')?.();
    work.get('m3')?.();
    say(message(4)); // by the time it is there, a wrong acknowledgement is, too
    await expect.poll(() => work.size).toBe(4);
    expect(acknowledged(broker.packets)).toEqual([]);
    for (const name of ['m1', 'm4']) work.get(name)?.();
    await expect.poll(() => acknowledged(broker.packets)).toEqual([1, 2, 3, 4]);
  });

  it('takes what comes right behind the answer to its connection', async () => {
    const broker = await scriptedBroker({
      ...grantingScript(() => undefined),
      connack: null,
      onConnect(connection) {
        const connack: Packet = { cmd: 'connack', sessionPresent: true, reasonCode: 0 };
        const packets = [connack, message(1), message(2)];
        connection.sendBytes(
          Buffer.concat(packets.map((packet) => generate(packet, { protocolVersion: 5 }))),
        );
      },
    });
    receive(broker.url, async () => undefined);
    await expect.poll(() => acknowledged(broker.packets)).toEqual([1, 2]);
  });

  it('never acknowledges work that failed, nor what came after it', async () => {
    const broker = await scriptedBroker(
      grantingScript((connection) => {
        for (const id of [1, 2, 3]) connection.send(message(id));
      }),
    );
    const receiver = receive(broker.url, async ({ payload }) => {
      if (payload.toString() === 'm2') throw new Error('not stored');
    });
    await expect.poll(() => acknowledged(broker.packets)).toEqual([1]);
    await receiver.stop();
    expect(acknowledged(broker.packets)).toEqual([1]);
    expect(broker.packets.at(-1)).toMatchObject({ cmd: 'disconnect' });
  });

  it('finishes what is under way before it takes leave', async () => {
    let finish: (() => void) | undefined;
    const broker = await scriptedBroker(
      grantingScript((connection) => connection.send(message(7))),
    );
    const receiver = receive(
      broker.url,
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    await expect.poll(() => finish).toBeDefined();
    await receiver.connected().toBe(true);
    const stopped = receiver.stop();
    finish?.();
    await stopped;
    expect(broker.packets.slice(-2)).toMatchObject([
      { cmd: 'puback', messageId: 7 },
      { cmd: 'disconnect' },
    ]);
  });

  it('connects again when the connection breaks, and takes the message then', async () => {
    let connections = 0;
    const broker = await scriptedBroker(
      grantingScript((connection) => {
        connections += 1;
        if (connections === 1) connection.hangUp();
        else connection.send(message(4));
      }),
    );
    const receiver = receive(broker.url, async () => undefined);
    await expect.poll(() => acknowledged(broker.packets), { timeout: 5000 }).toEqual([4]);
    expect(receiver.events.map(({ type }) => type)).toEqual(['connected', 'lost', 'connected']);
  });

  it('ends when another client has taken its place', async () => {
    const broker = await scriptedBroker(
      grantingScript((connection) => connection.send({ cmd: 'disconnect', reasonCode: 0x8e })),
    );
    expect(await receive(broker.url, async () => undefined).done).toBe('taken-over');
  });

  it('ends, too, when that happens before its subscriptions are granted', async () => {
    const broker = await scriptedBroker({
      onPacket(packet, connection) {
        if (packet.cmd === 'subscribe') connection.send({ cmd: 'disconnect', reasonCode: 0x8e });
      },
    });
    expect(await receive(broker.url, async () => undefined).done).toBe('taken-over');
    expect(broker.packets.map(({ cmd }) => cmd)).toEqual(['connect', 'subscribe']);
  });

  it('reads what the broker keeps, once, when it begins a session', async () => {
    const broker = await scriptedBroker(grantingScript(() => undefined, { sessionPresent: false }));
    receive(broker.url, async () => undefined);
    await expect.poll(() => broker.packets.map(({ cmd }) => cmd)).toContain('unsubscribe');
    const subscriptions = broker.packets.flatMap((packet) =>
      packet.cmd === 'subscribe' ? packet.subscriptions : [],
    );
    expect(subscriptions).toMatchObject([
      { topic: '$share/g/a/+', qos: 1 },
      { topic: 'a/+', qos: 0 },
    ]);
  });

  it('subscribes by itself where shares are not supported', async () => {
    const broker = await scriptedBroker({
      connack: { sessionPresent: true },
      onPacket(packet, connection) {
        if (packet.cmd !== 'subscribe' || packet.messageId === undefined)
          return acknowledge(packet, connection);
        const shared = packet.subscriptions[0]?.topic.startsWith('$share') === true;
        connection.send({
          cmd: 'suback',
          messageId: packet.messageId,
          granted: [shared ? 0x9e : 1],
        });
      },
    });
    const receiver = receive(broker.url, async () => undefined);
    await receiver.connected().toBe(true);
    expect(receiver.events[0]).toMatchObject({ type: 'connected', shared: false });
  });

  it('goes on with the subscriptions that are allowed, and names the others', async () => {
    const broker = await scriptedBroker({
      connack: { sessionPresent: true },
      onPacket(packet, connection) {
        if (packet.cmd !== 'subscribe' || packet.messageId === undefined)
          return acknowledge(packet, connection);
        connection.send({ cmd: 'suback', messageId: packet.messageId, granted: [0x87, 1] });
      },
    });
    const receiver = receive(broker.url, async () => undefined, { filters: ['a/+', 'b/+'] });
    await receiver.connected().toBe(true);
    expect(receiver.events[0]).toMatchObject({ type: 'refused', error: { code: 'unauthorized' } });
  });

  it('says that it is refused, and tries again', async () => {
    let attempts = 0;
    const broker = await scriptedBroker({
      connack: { reasonCode: 0x86 },
      onConnect: () => {
        attempts += 1;
      },
    });
    const receiver = receive(broker.url, async () => undefined);
    await expect.poll(() => attempts, { timeout: 5000 }).toBe(2);
    expect(receiver.events[0]).toMatchObject({ type: 'lost', error: { code: 'unauthorized' } });
  });

  it('does not send more commands than the broker takes', async () => {
    let onTheWay = 0;
    let most = 0;
    const broker = await scriptedBroker({
      ...grantingScript((connection) => {
        for (let id = 1; id <= 9; id += 1) connection.send(message(id));
      }),
      connack: { sessionPresent: true, properties: { receiveMaximum: 2 } },
      onPacket(packet, connection) {
        grantingScript((other) => {
          for (let id = 1; id <= 9; id += 1) other.send(message(id));
        }).onPacket?.(packet.cmd === 'publish' ? { cmd: 'pingreq' } : packet, connection);
        if (packet.cmd !== 'publish') return;
        onTheWay += 1;
        most = Math.max(most, onTheWay);
        setImmediate(() => {
          onTheWay -= 1;
          connection.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode: 0 });
        });
      },
    });
    let sent = 0;
    receive(broker.url, async (_message, session) => {
      void session.publish('cmd', 'go').then(() => {
        sent += 1;
      });
    });
    await expect.poll(() => sent).toBe(9);
    expect(most).toBe(2);
  });

  it('keeps to that also when an answer and a message come together', async () => {
    let onTheWay = 0;
    let most = 0;
    let last = 3;
    const broker = await scriptedBroker({
      ...grantingScript(() => undefined),
      connack: { sessionPresent: true, properties: { receiveMaximum: 1 } },
      onPacket(packet, connection) {
        if (packet.cmd === 'subscribe') {
          for (let id = 1; id <= last; id += 1) connection.send(message(id));
        }
        if (packet.cmd !== 'publish')
          return grantingScript(() => undefined).onPacket?.(packet, connection);
        onTheWay += 1;
        most = Math.max(most, onTheWay);
        setImmediate(() => {
          onTheWay -= 1;
          last += 1;
          const puback = { cmd: 'puback', messageId: packet.messageId, reasonCode: 0 } as Packet;
          const packets = last <= 40 ? [puback, message(last)] : [puback];
          const bytes = packets.map((one) => generate(one, { protocolVersion: 5 }));
          connection.sendBytes(Buffer.concat(bytes));
        });
      },
    });
    let sent = 0;
    receive(broker.url, async ({ payload }, session) => {
      // Work of every length, up to a few turns.
      for (let turns = Number(payload.toString().slice(1)) % 20; turns > 0; turns -= 1) await null;
      void session.publish('cmd', 'go').then(() => {
        sent += 1;
      });
    });
    await expect.poll(() => sent).toBe(40);
    expect(most).toBe(1);
  });
});
