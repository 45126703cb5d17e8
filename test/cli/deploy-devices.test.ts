import { createHash } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startEsphomeDevice } from '../../tools/simulator/esphome-device.ts';
import { runOta } from '../support/io.ts';
import { createFolder, sampleImage, sampleManifest } from '../support/temporary-workspace.ts';

async function createRelease() {
  const cwd = await createFolder({
    'ota/manifest.json': sampleManifest({ deployment: { channels: { mqtt: {}, https: {} } } }),
    'app.bin': sampleImage(),
  });
  const words = ['package', '--binary', 'app.bin', '--version', '1.2.3', '--update-manifest'];
  expect((await runOta(words, { cwd })).exitCode).toBe(0);
  return cwd;
}

describe('ota deploy to devices', () => {
  it('pushes a release that is published elsewhere, too, without a channel of its own', async () => {
    const cwd = await createRelease();
    const device = await startEsphomeDevice({ password: 'secret' });
    onTestFinished(device.close);
    const words = ['deploy', '--version', '1.2.3', '--transport', 'esphome', '--json'];
    const to = ['--device', '127.0.0.1', '--port', String(device.port), '--password', 'secret'];
    const { exitCode, stdout } = await runOta([...words, ...to], { cwd });
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      version: '1.2.3',
      deliveries: [{ transport: 'esphome', destination: `127.0.0.1:${device.port}` }],
    });
    expect(exitCode).toBe(0);
    await device.idle();
    const sha256 = createHash('sha256').update(sampleImage()).digest('hex');
    expect(device.flash.running?.sha256).toBe(sha256);
  });

  it.each([
    [['--transport', 'esphome'], 'devices-missing'],
    [
      [
        '--transport',
        'mqtt',
        '--device',
        'lamp.local',
        '--set',
        'mqtt.broker=mqtt://x',
        '--set',
        'mqtt.topic=t',
      ],
      'devices-unused',
    ],
    [['--transport', 'esphome', '--device', 'lamp.local', '--batch', 'b.json'], 'usage'],
  ])('%j is refused before anything is sent', async (words, code) => {
    const cwd = await createRelease();
    const ran = await runOta(['deploy', '--version', '1.2.3', ...words], { cwd });
    expect(ran.stderr).toContain(`code: ${code}`);
    expect(ran.exitCode).toBe(2);
  });
});
