import { describe, expect, it } from 'vitest';
import {
  testBroker,
  testClient,
  testFleet,
  testImage,
  testUpdateServer,
} from '../support/fleet.ts';
import { runOta } from '../support/io.ts';
import { createFolder, sampleManifest } from '../support/temporary-workspace.ts';

/** A product whose version 1.1.0 is announced on a broker, and devices that listen there. */
async function scene(devices: number, faults: readonly unknown[] = []) {
  const image = testImage('1.1.0');
  const broker = await testBroker();
  const server = await testUpdateServer('1.1.0', image);
  const fleet = await testFleet(broker.url, devices, { source: 'announce', topic: 'news', faults });
  const followed = {
    devices: fleet.devices.map(({ name }) => name),
    status_topic: 'fleet/{device}/ota/status',
    deadline: 10,
  };
  const mqtt = {
    broker: broker.url,
    topic: 'news',
    mode: 'announce',
    url: `${server.url}/firmware.bin`,
    retain: true,
    ...(devices === 0 ? {} : followed),
  };
  const https = { url: 'https://updates.example.com/{filename}' };
  const product = { name: 'Fleet', hardware: 'esp32' };
  const deployment = { default_protocols: ['mqtt'], channels: { mqtt, https } };
  const cwd = await createFolder({
    'ota/manifest.json': sampleManifest({ product, deployment }),
    'app.bin': image,
    'next.bin': testImage('1.1.1'),
  });
  const ota = (...words: string[]) => runOta(words, { cwd, live: true });
  await ota('package', '--binary', 'app.bin', '--version', '1.1.0', '--update-manifest');
  return { broker, ota, to: `mqtt://127.0.0.1:${broker.port} topic news` };
}

const file = 'Fleet-1.1.0.bin';

describe('ota deploy of a retained announcement', () => {
  it('follows the devices, then clears it', async () => {
    const { ota, to, broker } = await scene(2);
    const ran = await ota('deploy', '--version', '1.1.0');
    expect(ran.stdout).toMatch(
      new RegExp(
        `\nok: mqtt ${file} -> ${to} \\(2\\d\\d B in .*\\)\n  answer: 2 devices run 1\\.1\\.0; the announcement is cleared\n1 of 1 delivered\n$`,
      ),
    );
    expect(ran.exitCode).toBe(0);
    expect(broker.published.findLast(({ topic }) => topic === 'news')?.payload).toHaveLength(0);
  });

  it('fails with the names of the others, and leaves it for `--clear`', async () => {
    const { ota, to } = await scene(2, [{ fault: 'bad_hash', count: 1 }]);
    const ran = await ota('deploy', '--version', '1.1.0', '--json');
    expect(ran.exitCode).toBe(1);
    expect(JSON.parse(ran.stdout).deliveries[0]).toMatchObject({
      status: 'failed',
      attempts: 1,
      error: {
        code: 'fleet-incomplete',
        message: '1 of 2 devices do not run 1.1.0; the announcement stays on news',
        details: ['dev-0000: ESP_ERR_OTA_VALIDATE_FAILED: the SHA-256 is wrong'],
      },
    });
    expect((await ota('deploy', '--version', '1.1.0', '--clear', '--dry-run')).stdout).toBe(
      `[dry-run] clear mqtt: ${file} -> ${to}\ndry run: nothing was sent\n`,
    );
    const cleared = await ota('deploy', '--version', '1.1.0', '--clear');
    expect(cleared.exitCode).toBe(0);
    expect(cleared.stdout.replace(/\d+\.\d s/, '0.0 s')).toBe(`clear mqtt: ${file} -> ${to}
cleared: mqtt ${file} -> ${to} (0.0 s, 1 attempt)
  answer: news: 1.1.0 is cleared
1 of 1 cleared
`);
  });
});

describe('ota deploy --clear', () => {
  it('leaves a newer announcement alone, and says so', async () => {
    const { ota, broker } = await scene(0);
    const other = await testClient(broker.url);
    await other.publish('news', '{"version":"1.2.0"}', { qos: 1, retain: true });
    const ran = await ota('deploy', '--version', '1.1.0', '--clear', '--json');
    const report = JSON.parse(ran.stdout);
    expect(report).toMatchObject({ ok: true, deliveries: [{ status: 'cleared', sent_bytes: 0 }] });
    expect(report.deliveries[0].answer).toBe(
      'news: 1.2.0 is kept there, not 1.1.0; it was left alone',
    );
  });

  it('refuses a release that leaves nothing at a broker', async () => {
    const { ota } = await scene(0);
    const words = ['--version', '1.1.1', '--protocols', 'https', '--update-manifest'];
    await ota('package', '--binary', 'next.bin', ...words);
    const ran = await ota('deploy', '--version', '1.1.1', '--clear');
    expect(ran.stderr).toContain('code: nothing-to-clear');
    expect(ran.exitCode).toBe(2);
  });
});
