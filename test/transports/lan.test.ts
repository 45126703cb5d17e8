import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, Socket } from 'node:net';
import createMdns from 'multicast-dns';
import { afterEach, describe, expect, it } from 'vitest';
import { dial } from '../../tools/transports/lan/dial.ts';
import { findMdnsAddresses } from '../../tools/transports/lan/mdns.ts';
import { createResolver, sortAddresses } from '../../tools/transports/lan/resolve.ts';
import { holdClosedPort } from '../support/closed-port.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const limits = { timeoutMs: 2000, signal: new AbortController().signal };
const never = () => new Promise<string[]>(() => {});
const unknown = async (): Promise<string[]> => {
  throw Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
};

async function listen(host: string): Promise<number> {
  const server: Server = createServer((socket) => void socket.on('error', () => {}).end());
  server.listen(0, host);
  await once(server, 'listening');
  closers.push(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe('resolving a host', () => {
  it.each(['192.168.1.20', '::1', 'fe80::1%eth0'])(
    'takes the address %s as it is',
    async (host) => {
      const resolve = createResolver({ system: never, multicast: never });
      expect(await resolve(host, limits)).toEqual([host]);
    },
  );

  it('asks only the system for a name with a domain', async () => {
    const asked: string[] = [];
    const resolve = createResolver({
      system: async (name) => {
        asked.push(name);
        return ['10.0.0.9', '2001:db8::9'];
      },
      multicast: async () => {
        throw new Error('not to be asked');
      },
    });
    expect(await resolve('Lamp.example.org', limits)).toEqual(['2001:db8::9', '10.0.0.9']);
    expect(asked).toEqual(['lamp.example.org']);
  });

  it('takes the first answer for a .local name, from wherever it comes', async () => {
    const byMulticast = createResolver({ system: never, multicast: async () => ['10.0.0.1'] });
    expect(await byMulticast('lamp.local', limits)).toEqual(['10.0.0.1']);
    const byRouter = createResolver({
      system: async (name) => (name === 'lamp' ? ['10.0.0.2'] : unknown()),
      multicast: async () => [],
    });
    expect(await byRouter('lamp.local', limits)).toEqual(['10.0.0.2']);
  });

  it('asks for a name without a dot as .local, too', async () => {
    const resolve = createResolver({
      system: unknown,
      multicast: async (name) => (name === 'lamp.local' ? ['10.0.0.3'] : []),
    });
    expect(await resolve('lamp', limits)).toEqual(['10.0.0.3']);
  });

  it('stops listening for multicast answers once another one came', async () => {
    let stopped = false;
    const resolve = createResolver({
      system: async () => ['10.0.0.4'],
      multicast: (_name, { signal }) =>
        new Promise((done) => {
          signal.addEventListener('abort', () => {
            stopped = true;
            done([]);
          });
        }),
    });
    await resolve('lamp.local', limits);
    expect(stopped).toBe(true);
  });

  it('says that a name has no address, and whether to ask again', async () => {
    const resolve = createResolver({ system: unknown, multicast: async () => [] });
    await expect(resolve('lamp.local', limits)).rejects.toMatchObject({
      code: 'host-unknown',
      retryable: true,
    });
    await expect(resolve('lamp.example.org', limits)).rejects.toMatchObject({
      code: 'host-unknown',
      retryable: false,
    });
    const silent = createResolver({ system: never, multicast: never });
    await expect(silent('lamp.local', { ...limits, timeoutMs: 20 })).rejects.toMatchObject({
      code: 'host-unknown',
    });
  });

  it('tries IPv6 that leads somewhere first, then IPv4', () => {
    expect(
      sortAddresses(['fe80::1', '10.0.0.1', 'fe80::1%wlan0', 'fd00::1', '2001:db8::1', '10.0.0.1']),
    ).toEqual(['2001:db8::1', 'fd00::1', 'fe80::1%wlan0', '10.0.0.1', 'fe80::1']);
  });
});

describe('multicast DNS', () => {
  /** A responder beside the system's: another port, the loopback interface only. */
  const own = { port: 35_353, interfaces: ['127.0.0.1'] };

  it('finds the addresses of a device by its name', async () => {
    const device = createMdns({ port: own.port, interface: '127.0.0.1', bind: '0.0.0.0' });
    closers.push(() => device.destroy());
    device.on('query', ({ questions }) => {
      for (const { name, type } of questions ?? []) {
        if (name !== 'lamp.local' || type !== 'A') continue;
        device.respond([
          { name: 'other.local', type: 'A', data: '10.9.9.9', ttl: 10 },
          { name: 'Lamp.local', type: 'A', data: '10.0.0.7', ttl: 10 },
        ]);
      }
    });
    await once(device, 'ready');
    expect(await findMdnsAddresses('lamp.local', limits, own)).toEqual(['10.0.0.7']);
  });

  it('gives up when nobody answers, and when it is told to', async () => {
    const brief = { ...limits, timeoutMs: 20 };
    expect(await findMdnsAddresses('nobody.local', brief, own)).toEqual([]);
    const stop = new AbortController();
    stop.abort();
    expect(
      await findMdnsAddresses('nobody.local', { ...limits, signal: stop.signal }, own),
    ).toEqual([]);
  });
});

describe('connecting', () => {
  const options = (ports: number[], addresses: string[]) => ({
    host: 'lamp.local',
    ports,
    ...limits,
    resolve: async () => addresses,
  });

  it('tries every address of the host', async () => {
    const port = await listen('127.0.0.1');
    const dialed = await dial(options([port], ['::1', '127.0.0.2', '127.0.0.1']));
    expect(dialed).toMatchObject({ address: '127.0.0.1', port });
    dialed.socket.destroy();
  });

  it('reaches a device by IPv6', async () => {
    const port = await listen('::1');
    const dialed = await dial(options([port], ['::1', '127.0.0.1']));
    expect(dialed.address).toBe('::1');
    dialed.socket.destroy();
  });

  it('tries the other port when the first one refuses', async () => {
    const port = await listen('127.0.0.1');
    const dialed = await dial(options([await holdClosedPort(), port], ['127.0.0.1']));
    expect(dialed.port).toBe(port);
    dialed.socket.destroy();
  });

  it('says which ports of which addresses refused', async () => {
    const ports = [await holdClosedPort(), await holdClosedPort()];
    await expect(dial(options(ports, ['127.0.0.1']))).rejects.toMatchObject({
      code: 'connection-refused',
      message: `nothing listens at port ${ports[0]} or ${ports[1]} of lamp.local (127.0.0.1) (ECONNREFUSED 127.0.0.1:${ports[0]})`,
      retryable: true,
    });
  });

  it('does not wait longer than its limit, nor after it is told to stop', async () => {
    const silent = { ...options([9], ['10.0.0.1', '10.0.0.2']), connect: () => new Socket() };
    await expect(dial({ ...silent, timeoutMs: 20 })).rejects.toMatchObject({
      code: 'timeout',
      retryable: true,
    });
    const stopLater = new AbortController();
    const dialing = dial({ ...silent, signal: stopLater.signal });
    setImmediate(() => stopLater.abort());
    await expect(dialing).rejects.toMatchObject({ code: 'cancelled' });
    const stop = new AbortController();
    stop.abort();
    await expect(
      dial({ ...options([9], ['127.0.0.1']), signal: stop.signal }),
    ).rejects.toMatchObject({ code: 'cancelled' });
  });
});
