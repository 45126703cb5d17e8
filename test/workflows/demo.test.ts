import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fingerprintOf } from '../../tools/core/integrity.ts';
import { transports } from '../../tools/transports/index.ts';
import { createClock } from '../../tools/workflows/clock.ts';
import { type DemoOptions, demo } from '../../tools/workflows/simulation/demo.ts';
import { smokeTest } from '../../tools/workflows/simulation/smoke-test.ts';
import { createFakeTransport } from '../support/fake-transport.ts';
import { createFolder, sampleImage, sampleManifest } from '../support/temporary-workspace.ts';

const clock = createClock({ now: () => new Date(), random: Math.random });
const signal = new AbortController().signal;

function sampleDemo(changes: Partial<DemoOptions> = {}): DemoOptions & { titles: string[] } {
  const titles: string[] = [];
  return {
    transports,
    clock,
    env: {},
    signal,
    notify: ({ title }) => titles.push(title.replace(/--binary \S+ /, '')),
    ...changes,
    titles,
  };
}

describe('the demonstration', () => {
  it('shows each step, and both devices compute the hash of the packaged bytes', async () => {
    const options = sampleDemo();
    const devices = await demo(options);
    expect(devices.map(({ name, ok }) => [name, ok])).toEqual([
      ['the device on MQTT', true],
      ['the device on HTTPS', true],
    ]);
    expect(options.titles).toEqual([
      'start a broker and a server, with a throw-away certificate authority',
      'make a workspace',
      'ota package --version 1.2.3 --update-manifest',
      'ota validate',
      'ota deploy --version 1.2.3 --dry-run',
      'ota deploy --version 1.2.3',
      'ask the devices what arrived',
    ]);
  });

  it('takes an image of the user', async () => {
    const image = sampleImage('9.9.9', 5);
    const folder = await createFolder({ 'mine.bin': image });
    const devices = await demo(sampleDemo({ binaryPath: join(folder, 'mine.bin') }));
    const { sha256 } = fingerprintOf(image);
    expect(devices.map(({ received }) => received?.sha256)).toEqual([sha256, sha256]);
  });

  it('fails when a device got nothing', async () => {
    const [mqtt] = transports.filter(({ name }) => name === 'mqtt');
    const lying = createFakeTransport('https');
    const devices = await demo(sampleDemo({ transports: mqtt === undefined ? [] : [mqtt, lying] }));
    expect(devices.map(({ ok }) => ok)).toEqual([true, false]);
  });
});

describe('the smoke test', () => {
  it('passes for a valid product, with one dry run for each transport', async () => {
    const folder = await createFolder({ 'ota/manifest.json': sampleManifest() });
    const checks = await smokeTest({
      manifestPath: join(folder, 'ota/manifest.json'),
      transports,
      clock,
      signal,
    });
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(checks).toHaveLength(5 + transports.length);
  });

  it("names what is wrong with the product's own manifest, and goes on", async () => {
    const manifest = sampleManifest({ deployment: { channels: { mqtt: { borker: 'x' } } } });
    const folder = await createFolder({ 'ota/manifest.json': manifest });
    const checks = await smokeTest({
      manifestPath: join(folder, 'ota/manifest.json'),
      transports,
      clock,
      signal,
    });
    const failed = checks.filter(({ ok }) => !ok);
    expect(failed.map(({ name }) => name)).toEqual(["validate the product's own manifest"]);
    expect(failed[0]?.error?.details).toContain('unknown key "borker" (did you mean "broker"?)');
  });
});
