import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createHttpsReceiver } from '../../tools/simulator/https-receiver.ts';
import { startOta } from '../support/cli-process.ts';
import { runOta } from '../support/io.ts';
import { createFolder, sampleImage, sampleManifest } from '../support/temporary-workspace.ts';

/** A packaged product with two artifacts' worth of channels: the first server answers, the second never does. */
async function createProduct(): Promise<string> {
  const receiver = await createHttpsReceiver({ replies: [{ status: 201 }, 'stall'] });
  onTestFinished(() => receiver.close());
  const cwd = await createFolder({
    'app.bin': sampleImage(),
    'ota/manifest.json': sampleManifest({
      deployment: {
        default_protocols: ['https'],
        channels: { https: { url: receiver.url, allow_http: true } },
      },
    }),
  });
  for (const version of ['1.0.0', '1.1.0']) {
    await runOta(['package', '--binary', 'app.bin', '--version', version, '--update-manifest'], {
      cwd,
    });
  }
  return cwd;
}

describe('Ctrl-C', () => {
  it('stops a deployment within a second, reports it, and ends with 130', async () => {
    const cwd = await createProduct();
    expect((await startOta(['deploy', '--version', '1.0.0'], { cwd }).done).exitCode).toBe(0);

    const { child, done } = startOta(['deploy', '--version', '1.1.0', '--report', 'report.json'], {
      cwd,
    });
    await new Promise<void>((resolve) => {
      child.stderr?.on('data', (words) => {
        if (String(words).includes('attempt 1')) resolve();
      });
    });
    const before = performance.now();
    child.kill('SIGINT');
    const ran = await done;
    expect(performance.now() - before).toBeLessThan(1000);
    expect(ran.exitCode).toBe(130);
    expect(ran.stdout).toContain('cancelled: https Gateway-1.1.0.bin');
    expect(ran.stdout).toContain('0 of 1 delivered (cancelled)');
  });
});

describe('a reader that goes away', () => {
  it('stops a deployment in order: the report is written, and the end is 130', async () => {
    const cwd = await createProduct();
    expect((await startOta(['deploy', '--version', '1.0.0'], { cwd }).done).exitCode).toBe(0);

    const words = ['deploy', '--version', '1.1.0', '--report', 'report.json', '--timeout', '0.5'];
    const { child, done } = startOta(words, { cwd });
    child.stderr?.once('data', () => child.stderr?.destroy());
    expect((await done).exitCode).toBe(130);
    const report = JSON.parse(await readFile(join(cwd, 'report.json'), 'utf8'));
    expect(report).toMatchObject({ cancelled: true, deliveries: [{ status: 'cancelled' }] });
  });

  it('changes nothing about how a command ends', async () => {
    const cwd = await createProduct();
    const { child, done } = startOta(['list', '--manifest', 'none.json'], { cwd });
    child.stderr?.destroy();
    expect((await done).exitCode).toBe(2);
  });
});
