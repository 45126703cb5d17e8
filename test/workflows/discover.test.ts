import { once } from 'node:events';
import type { Answer } from 'dns-packet';
import createMdns from 'multicast-dns';
import { describe, expect, it, onTestFinished } from 'vitest';
import { renderDevices } from '../../tools/cli/commands/discover.ts';
import { discover } from '../../tools/workflows/discover.ts';

/** Beside the system's: another port, the loopback interface only. */
const mdns = { port: 35_354, interfaces: ['127.0.0.1'] };

describe('discovering', () => {
  it('asks for devices, and at once for what an answer left out', async () => {
    const device = createMdns({ port: mdns.port, interface: '127.0.0.1', bind: '0.0.0.0' });
    onTestFinished(() => device.destroy());
    const instance = 'lamp._esphomelib._tcp.local';
    const answers = {
      PTR: { name: '_esphomelib._tcp.local', type: 'PTR', data: instance },
      SRV: { name: instance, type: 'SRV', data: { target: 'lamp.local', port: 6053 } },
      TXT: { name: instance, type: 'TXT', data: ['platform=ESP32', 'version=2026.9.0'] },
      A: { name: 'lamp.local', type: 'A', data: '10.0.0.7' },
    } satisfies Record<string, Answer>;
    const stop = new AbortController();
    device.on('query', ({ questions }) => {
      for (const { name, type } of questions ?? []) {
        const answer = answers[type as keyof typeof answers];
        if (answer?.name === name) device.respond([answer]);
      }
    });
    // The address is asked for last, of the host that the other answers named; all ears hear it at once.
    device.on('response', (packet) => {
      if (!packet.answers?.some(({ type }) => type === 'A')) return;
      setImmediate(() => setImmediate(() => stop.abort()));
    });
    await once(device, 'ready');
    const devices = await discover({ durationMs: 60_000, signal: stop.signal, mdns });
    expect(devices).toMatchObject([
      { host: 'lamp.local', platform: 'ESP32', version: '2026.9.0', protocol: 'esphome' },
    ]);
    expect(renderDevices(devices)).toMatch(
      /^HOST +NAME +ADDRESS +PROTOCOL +PLATFORM +VERSION +SECURITY\nlamp\.local +lamp +10\.0\.0\.7 +esphome +ESP32 +2026\.9\.0$/,
    );
  });

  it('says what to look at when nobody answers', () => {
    expect(renderDevices([])).toContain('multicast DNS');
  });
});
