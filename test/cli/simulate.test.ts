import { describe, expect, it } from 'vitest';
import { pushedKinds } from '../../tools/workflows/simulation/simulate-devices.ts';
import { runOta } from '../support/io.ts';
import { findFreePort } from '../support/peers.ts';
import { createFolder, sampleImage } from '../support/temporary-workspace.ts';

describe('ota simulate', () => {
  it.each(pushedKinds)(
    'runs %s devices that `ota push` reaches, until it is stopped',
    async (kind) => {
      const port = await findFreePort();
      const cwd = await createFolder({ 'firmware.bin': sampleImage() });
      const stop = new AbortController();
      const words = [
        'simulate',
        kind,
        '--count',
        '1',
        '--port-base',
        String(port),
        '--password',
        'secret',
      ];
      const running = runOta([...words, '--downtime', '0'], { cwd, signal: stop.signal });
      const pushed = await runOta(
        [
          ...['push', '--binary', 'firmware.bin', '--protocol', kind, '--device', '127.0.0.1'],
          ...['--port', String(port), '--password', 'secret', '--json'],
        ],
        { cwd },
      );
      expect(pushed.exitCode, pushed.stdout).toBe(0);
      stop.abort();
      const { exitCode, stdout } = await running;
      expect(stdout).toContain(`${kind} device on 127.0.0.1:${port}\n`);
      expect(stdout).toMatch(new RegExp(`127.0.0.1:${port}: 1 update, runs [0-9a-f]{12}\n$`));
      expect(exitCode).toBe(0);
    },
  );

  it('prints a batch file, and ends with an error when a port is taken', async () => {
    const port = await findFreePort();
    const cwd = await createFolder();
    const stop = new AbortController();
    const words = ['simulate', 'esphome', '--count', '1', '--port-base', String(port), '--json'];
    const running = runOta(words, { cwd, signal: stop.signal });
    const second = await runOta(words, { cwd, signal: stop.signal });
    expect(second.stderr).toContain('code: port-taken');
    stop.abort();
    expect(JSON.parse((await running).stdout)).toEqual([{ host: '127.0.0.1', port }]);
  });

  it.each([
    [['esphome', '--count', '0'], '--count takes a whole number'],
    [['esphome', '--encryption-key', 'x'], 'the encryption key is not'],
    [['toaster'], 'Invalid values'],
  ])('refuses %j', async (words, message) => {
    const { exitCode, stderr } = await runOta(['simulate', ...words], { cwd: '.' });
    expect(stderr).toContain(message);
    expect(exitCode).toBe(2);
  });
});
