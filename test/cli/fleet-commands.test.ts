import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  namelessDevice,
  testBroker,
  testClient,
  testFleet,
  testUpdateServer,
} from '../support/fleet.ts';
import { runOta } from '../support/io.ts';
import { createFolder } from '../support/temporary-workspace.ts';

async function scene(count: number, profile: Record<string, unknown> = {}) {
  const broker = await testBroker();
  const server = await testUpdateServer('1.1.0');
  await testFleet(broker.url, count, { server_url: server.url, ...profile });
  const cwd = await createFolder({
    'ota_deploy_config.json': {
      mqtt: {
        broker: '127.0.0.1',
        port: broker.port,
        command_topic: 'fleet/{device}/ota/command',
        status_topic: 'fleet/{device}/ota/status',
        timeout: 2,
      },
      groups: { lab: ['dev-0001'] },
    },
  });
  return { broker, cwd, ota: (...words: string[]) => runOta(words, { cwd, live: true }) };
}

describe('ota command', () => {
  it('updates and says how each device ended', async () => {
    const faults = [{ fault: 'bad_hash', count: 1 }];
    const { ota } = await scene(2, { faults });
    const ran = await ota('command', 'update', '--all', '--version', '1.1.0', '--wait');
    expect(ran.stdout).toBe(`device    outcome  reason
dev-0000  failed   ESP_ERR_OTA_VALIDATE_FAILED: the SHA-256 is wrong
dev-0001  updated  runs 1.1.0
1 of 2 devices ended well
`);
    expect(ran.stderr).toContain('sent to dev-0000, dev-0001\n');
    expect(ran.stderr).toContain('dev-0001: downloading 100 %, runs 1.0.0');
    expect(ran.exitCode).toBe(1);
  });

  it('waits for the answers to a check, and exits with 0', async () => {
    const { ota } = await scene(2);
    const ran = await ota('command', 'check', '--group', 'lab', '--json');
    expect(ran.exitCode).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      ok: true,
      action: 'check',
      devices: [
        { device: 'dev-0001', outcome: 'answered', reason: '1.1.0 is available, runs 1.0.0' },
      ],
    });
  });

  const sharedTopics = ['command', 'status'].flatMap((name) => [
    ...['--set', `mqtt.${name}_topic=bms/ota/${name}`],
  ]);
  const updateAll = ['command', 'update', '--version', '1.1.0', '--wait', ...sharedTopics];

  it('says what an outcome is worth when devices do not say who they are', async () => {
    const { ota, broker } = await scene(0);
    await namelessDevice(broker.url, 7200);
    const ran = await ota(...updateAll);
    expect(ran.stdout).toContain('bms/ota/status  updated  runs 1.1.0\n');
    expect(ran.stdout).toContain(
      'warning: messages on bms/ota/status do not say which device they are from (no device_id): ' +
        'the outcome is that of whoever spoke, one device or many; let devices send device_id',
    );
    expect(ran.exitCode).toBe(0);
  });

  it('fails when they are seen to be several', async () => {
    const { ota, broker } = await scene(0);
    for (const uptimeS of [7200, 720_000]) await namelessDevice(broker.url, uptimeS);
    const ran = await ota(...updateAll, '--json');
    expect(JSON.parse(ran.stdout)).toMatchObject({
      ok: false,
      warnings: [expect.stringContaining('(no device_id)')],
      devices: [{ device: 'bms/ota/status', outcome: 'indistinct' }],
    });
    expect(ran.exitCode).toBe(1);
  });

  it('fails for a silent device, with its last state', async () => {
    const { ota } = await scene(1, { faults: [{ fault: 'silent', count: 1 }] });
    const ran = await ota('command', 'status', '--device', 'dev-0000', '--timeout', '0.3');
    expect(ran.exitCode).toBe(1);
    expect(ran.stdout).toContain(
      'dev-0000  silent   no answer in 0.3 s; before the command: idle, runs 1.0.0 (Ready)',
    );
  });

  it.each([
    [['command', 'update'], 'no device is meant'],
    [['command', 'check', '--all', '--force'], '--force has no meaning for check'],
    [['command', 'update', '--group', 'lap'], 'there is no group "lap" (did you mean "lab"?)'],
    [
      ['command', 'update', '--device', 'a', '--set', 'mqtt.command_topic=x'],
      'a command on x reaches every device',
    ],
  ])('refuses %j', async (words, message) => {
    const { ota } = await scene(0);
    const ran = await ota(...words);
    expect(ran.stderr).toContain(`error: ${message}\n`);
    expect(ran.exitCode).toBe(2);
  });

  it('needs a configuration', async () => {
    const ran = await runOta(['command', 'check'], { cwd: await createFolder() });
    expect(ran.stderr).toContain('code: deploy-config-missing');
    expect(ran.exitCode).toBe(2);
  });
});

describe('ota watch', () => {
  it('says that its record is not whole, also when that shows at the very end', async () => {
    const { cwd } = await scene(1);
    const interrupt = new AbortController();
    const ran = await runOta(['watch', '--json', '--record', '/dev/full'], {
      cwd,
      live: true,
      signal: interrupt.signal,
      onOutput: () => interrupt.abort(),
    });
    expect(ran.stderr).toContain('error: cannot write /dev/full');
    expect(ran.exitCode).toBe(1);
  });

  it('shows the fleet, and records it', async () => {
    const { ota, cwd, broker } = await scene(2);
    const client = await testClient(broker.url);
    await client.publish('fleet/odd/ota/status', 'no json', { qos: 1, retain: true });
    const ran = await ota('watch', '--duration', '0.6', '--record', 'out.ndjson');
    expect(ran.stdout).toMatch(
      /^device {4}state {2}progress {2}runs {3}offered {2}heap {5}seen {2}message\ndev-0000 {2}idle +1\.0\.0 +93\.4 KB {2}kept {2}Ready\ndev-0001 .*\nodd +\? +\d s +is not JSON\n3 devices; 3 messages, 1 not understood\n$/,
    );
    const lines = (await readFile(join(cwd, 'out.ndjson'), 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    const first = lines.map((line) => JSON.parse(line)).find(({ device }) => device === 'dev-0000');
    expect(first).toMatchObject({ state: 'idle', current_version: '1.0.0', retained: true });
  });

  it('filters, and writes NDJSON', async () => {
    const { ota } = await scene(3);
    const ran = await ota('watch', '--duration', '0.6', '--json', '--device', 'dev-0001');
    const lines = ran.stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).device)).toEqual(['dev-0001']);
    const none = await ota('watch', '--duration', '0.3', '--json', '--state', 'failed');
    expect(none.stdout).toBe('');
  });
});

describe('ota init --deploy-config', () => {
  it('creates the file with the defaults of the seed, and does nothing else', async () => {
    const cwd = await createFolder();
    const ran = await runOta(['init', '--deploy-config'], { cwd });
    expect(ran).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await readdir(cwd)).toEqual(['ota_deploy_config.json']);
    expect(JSON.parse(await readFile(join(cwd, 'ota_deploy_config.json'), 'utf8'))).toMatchObject({
      server: { base_url: 'http://your-nas-ip' },
      mqtt: { broker: 'localhost', port: 1883, command_topic: 'bms/ota/command', timeout: 30 },
      build: { firmware_path: 'build/esp32-bms-monitor.bin' },
    });
  });

  it('overwrites nothing', async () => {
    const cwd = await createFolder({ 'lab.json': { mqtt: {} } });
    const ran = await runOta(['init', '--deploy-config', 'lab.json'], { cwd });
    expect(ran.stderr).toContain('code: deploy-config-exists');
    expect(ran.exitCode).toBe(2);
  });
});

describe('ota simulate fleet', () => {
  it('tells machines in the end which versions its devices run', async () => {
    const broker = await testBroker();
    const profile = { server_url: 'http://127.0.0.1:9' };
    const cwd = await createFolder({ 'profile.json': profile });
    const names = new Set<string>();
    const client = await testClient(broker.url);
    const enough = new AbortController();
    await client.subscribe('fleet/+/ota/status', 1, ({ topic }) => {
      if (names.add(topic).size === 2) enough.abort();
    });
    const words = ['simulate', 'fleet', '--count', '2', '--profile', 'profile.json', '--json'];
    const options = { cwd, live: true, signal: enough.signal };
    const { exitCode, stdout } = await runOta([...words, '--broker', broker.url], options);
    expect([exitCode, JSON.parse(stdout)]).toEqual([0, { ok: true, versions: { '1.0.0': 2 } }]);
  });
});
