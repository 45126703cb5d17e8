import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startEsphomeDevice } from '../../tools/simulator/esphome-device.ts';
import { splitWords } from '../support/console-blocks.ts';
import { runOta } from '../support/io.ts';
import { sharedFolder } from '../support/shared.ts';
import { createFolder, sampleImage } from '../support/temporary-workspace.ts';

const shared = sharedFolder();

/** The command lines of the seed's document, without the program's name. */
function seedCommands(): string[][] {
  const text = readFileSync(join(shared ?? '', 'seeds/esphome-push-tool.md'), 'utf8');
  return [
    ...text.replaceAll(/\\\n\s*/g, '').matchAll(/^python scripts\/ota_deploy\.py (.+)$/gm),
  ].map(([, words = '']) => splitWords(words));
}

const devices = [
  { host: '192.168.1.100', password: 'device_specific_password' },
  { host: 'esp32-2.local' },
  { host: '192.168.1.102', password: 'another_password' },
];

/** The files that those command lines name. */
function seedFiles(commands: readonly string[][]): Record<string, unknown> {
  const named = (flag: string) =>
    commands.flatMap((words) => words.filter((_, index) => words[index - 1] === flag));
  return {
    ...Object.fromEntries(named('--binary').map((name) => [name, sampleImage()])),
    ...Object.fromEntries(named('--batch').map((name) => [name, devices])),
  };
}

describe.skipIf(shared === undefined)("the seed's command lines", () => {
  it('are understood as they stand, the name of the program aside', async () => {
    const commands = seedCommands();
    expect(commands.length).toBeGreaterThan(10);
    const cwd = await createFolder(seedFiles(commands));
    for (const words of commands) {
      const ran = await runOta(['push', ...words, '--dry-run'], { cwd });
      expect(ran.exitCode, `${words.join(' ')}\n${ran.stderr}`).toBe(0);
    }
  });

  it('push when their devices are there', async () => {
    const device = await startEsphomeDevice({ password: 'mypassword' });
    onTestFinished(device.close);
    const commands = seedCommands().filter(
      (words) => words.includes('--device') && words.includes('mypassword'),
    );
    expect(commands.length).toBeGreaterThan(1);
    const cwd = await createFolder(seedFiles(commands));
    for (const words of commands) {
      const here = words.map((word, index) =>
        words[index - 1] === '--device'
          ? '127.0.0.1'
          : words[index - 1] === '--port'
            ? String(device.port)
            : word,
      );
      const port = here.includes('--port') ? [] : ['--port', String(device.port)];
      const ran = await runOta(['push', ...here, ...port], { cwd });
      expect(ran.exitCode, ran.stdout).toBe(0);
      await device.idle();
    }
    expect(device.updates).toBe(commands.length);
  });

  it('take the batch files of the document, JSON and CSV', async () => {
    const csv = 'host,password\n192.168.1.100,device_specific_password\nesp32-2.local,\n';
    const cwd = await createFolder({
      'firmware.bin': sampleImage(),
      'devices.json': devices,
      'devices.csv': csv,
    });
    for (const [batch, count] of [
      ['devices.json', 3],
      ['devices.csv', 2],
    ] as const) {
      const words = ['push', '--binary', 'firmware.bin', '--batch', batch, '--dry-run', '--json'];
      const { deliveries } = JSON.parse((await runOta(words, { cwd })).stdout);
      expect(deliveries).toHaveLength(count);
      expect(JSON.stringify(deliveries)).not.toContain('device_specific_password');
    }
  });
});
