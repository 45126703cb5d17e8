import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type EsphomeDevice,
  type EsphomeDeviceOptions,
  startEsphomeDevice,
} from '../../tools/simulator/esphome-device.ts';
import { runOta } from '../support/io.ts';
import { createFolder, sampleImage } from '../support/temporary-workspace.ts';

const image = sampleImage();
const md5 = createHash('md5').update(image).digest('hex');
const sha256 = createHash('sha256').update(image).digest('hex');

async function start(options: EsphomeDeviceOptions = {}): Promise<EsphomeDevice> {
  const device = await startEsphomeDevice(options);
  onTestFinished(device.close);
  return device;
}

async function push(words: readonly string[], files = {}, options = {}) {
  const cwd = await createFolder({ 'firmware.bin': image, ...files });
  const ran = await runOta(['push', '--binary', 'firmware.bin', '--retries', '0', ...words], {
    cwd,
    now: new Date(0),
    ...options,
  });
  return { ...ran, cwd };
}

const header = (whom: string, icon = '📦') => `${icon} Pushing firmware.bin to ${whom}
   Binary size: 2.0 KB
   Binary hash: ${md5} (SHA-256 ${sha256})
   Chip:        esp32s3
`;

describe('ota push', () => {
  it('pushes to one device and says how it went', async () => {
    const device = await start({ generation: '2026.5', password: 'secret' });
    const { port } = device;
    const words = ['--device', '127.0.0.1', '--port', String(port), '--password', 'secret'];
    const { exitCode, stdout, stderr } = await push(words);
    expect(
      stdout,
    ).toBe(`${header(`127.0.0.1:${port}`)}✅ 127.0.0.1:${port}: 2.0 KB in 0.0 s (at once)
   committed, rebooting (protocol 2, in the clear, password by SHA256)
`);
    expect(stderr).toBe(`127.0.0.1:${port}: attempt 1\n127.0.0.1:${port}: delivered\n`);
    expect(exitCode).toBe(0);
    await device.idle();
    expect(device.flash.running?.sha256).toBe(sha256);
  });

  it('tells the cause and the remedy when a device refuses, with status 1', async () => {
    const { port } = await start({ password: 'secret' });
    const words = ['--device', '127.0.0.1', '--port', String(port), '--password', 'wrong-one'];
    const { exitCode, stdout, stderr } = await push(words);
    expect(
      stdout,
    ).toBe(`${header(`127.0.0.1:${port}`)}❌ 127.0.0.1:${port}: the device refuses the password (answer 0x82)
   hint: Give the password that the firmware *now running* was built with (\`ota: password:\`).
   code: unauthorized
`);
    expect(exitCode).toBe(1);
    expect(stdout + stderr).not.toContain('wrong-one');
  });

  it('pushes to all devices of a batch; one that fails stops nobody', async () => {
    const good = await start({ generation: '2024.10', password: 'one' });
    const bad = await start({
      generation: '2024.10',
      faults: [{ at: 'prepared', does: 'error', answer: 0x89 }],
    });
    const other = await start({
      generation: '2026.10',
      encryption: { key: Buffer.alloc(32, 1), required: true },
    });
    const key = Buffer.alloc(32, 1).toString('base64');
    const csv = `host,port,password,encryption_key,name
127.0.0.1,${good.port},one,,hall
127.0.0.1,${bad.port},,,
127.0.0.1,${other.port},,${key},
`;
    const words = ['--batch', 'devices.csv', '--concurrency', '2', '--password', 'for all others'];
    const { exitCode, stdout } = await push(words, { 'devices.csv': csv });
    expect(
      stdout,
    ).toBe(`${header('3 devices', '🚀')}============================================================
✅ hall (127.0.0.1:${good.port}): 2.0 KB in 0.0 s (at once)
   committed, rebooting (protocol 2, in the clear, password by MD5)
❌ 127.0.0.1:${bad.port}: the image does not fit into the update partition of the device (answer 0x89)
   hint: Make the firmware smaller, or flash once by cable with a partition table that has larger update slots.
   code: device-no-space
✅ 127.0.0.1:${other.port}: 2.0 KB in 0.0 s (at once)
   committed, rebooting (protocol 2, encrypted)
============================================================

📊 Summary:
   Total devices: 3
   Successful:    2 ✅
   Failed:        1 ❌
   Success rate:  66.7%
`);
    expect(exitCode).toBe(1);
  });

  it('shows many devices as a table', async () => {
    const devices = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        start(index === 3 ? { password: 'secret' } : { generation: '2026.10' }),
      ),
    );
    const batch = devices.map(({ host, port }) => ({ host, port }));
    const { stdout } = await push(['--batch', 'devices.json'], { 'devices.json': batch });
    const [, table = ''] = stdout.split(`${'='.repeat(60)}\n`);
    const lines = table.trimEnd().split('\n');
    expect(lines).toHaveLength(11 + 3);
    expect(lines[0]).toMatch(/^DEVICE +RESULT +TIME +SPEED +ATTEMPTS$/);
    expect(lines[4]).toBe(
      `127.0.0.1:${devices[3]?.port}  device-password-missing  0.0 s           1`,
    );
    expect(lines[11]).toContain(`❌ 127.0.0.1:${devices[3]?.port}: the device asks for a password`);
    expect(stdout).toContain('Success rate:  90.0%');
  });

  it('prints the report as JSON and writes it to a file', async () => {
    const { port } = await start();
    const words = ['--device', '127.0.0.1', '--port', String(port), '--json', '--report', 'r.json'];
    const { exitCode, stdout, stderr, cwd } = await push([...words, '--password', 'hush-hush']);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      ok: true,
      product: 'gateway',
      deliveries: [
        { transport: 'esphome', status: 'delivered', sha256, settings: { password: '***' } },
      ],
    });
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    const { default: written } = await import(join(cwd, 'r.json'), { with: { type: 'json' } });
    expect(written).toEqual(report);
    expect(stdout).not.toContain('hush');
  });

  it('shows the plan and sends nothing in a dry run', async () => {
    const device = await start();
    const words = ['--device', '127.0.0.1', '--port', String(device.port), '--dry-run'];
    const { exitCode, stdout } = await push(words);
    expect(
      stdout,
    ).toBe(`${header(`127.0.0.1:${device.port}`)}[dry-run] 127.0.0.1:${device.port}: {"host":"127.0.0.1","port":${device.port},"timeout":60}
dry run: nothing was sent
`);
    expect(exitCode).toBe(0);
    expect(device.sessions).toBe(0);
  });

  it('begins no further device after a failure with --fail-fast', async () => {
    const first = await start({ password: 'secret' });
    const second = await start();
    const batch = [first, second].map(({ host, port }) => ({ host, port }));
    const words = ['--batch', 'b.json', '--concurrency', '1', '--fail-fast'];
    const { exitCode, stdout } = await push(words, { 'b.json': batch });
    expect(stdout).toContain(`⏹  127.0.0.1:${second.port}: not tried`);
    expect(stdout).toContain('Not done:      1');
    expect(second.sessions).toBe(0);
    expect(exitCode).toBe(1);
  });

  it('ends with status 130 when it is cancelled', async () => {
    const stop = new AbortController();
    const device = await start({
      faults: [{ at: 'prepared', does: 'stall' }],
      notify: ({ kind }) => kind === 'stalled' && stop.abort(),
    });
    const words = ['--device', '127.0.0.1', '--port', String(device.port)];
    const { exitCode, stdout } = await push(words, {}, { signal: stop.signal });
    expect(stdout).toContain(`⏹  127.0.0.1:${device.port}: cancelled`);
    expect(exitCode).toBe(130);
  });
});

describe('a push that is stopped after the last byte', () => {
  it('says so for the device that may be updated, with status 130', async () => {
    const stop = new AbortController();
    const device = await start({
      faults: [{ at: 'committed', does: 'stall' }],
      notify: ({ kind }) => kind === 'stalled' && stop.abort(),
    });
    const words = ['--device', '127.0.0.1', '--port', String(device.port)];
    const { exitCode, stdout } = await push(words, {}, { signal: stop.signal });
    expect(stdout).toContain('code: device-may-have-committed');
    expect(exitCode).toBe(130);
  });
});

describe('the password of a push', () => {
  async function pushWith(words: readonly string[], options: object, batch?: object) {
    const device = await start({ generation: '2026.10', password: 'right' });
    const entry = { host: '127.0.0.1', port: device.port, ...batch };
    const ran = await push(
      ['--batch', 'b.json', ...words],
      { 'b.json': [entry], 'right.txt': 'right\n', 'wrong.txt': 'wrong\n' },
      options,
    );
    return ran.exitCode;
  }

  it('comes from the batch before the flag, the variable, and the file', async () => {
    const env = (OTA_PASSWORD: string) => ({ env: { OTA_PASSWORD } });
    const flag = (password: string) => ['--password', password];
    const file = (name: string) => ['--password-file', name];
    expect(await pushWith(flag('wrong'), env('wrong'), { password: 'right' })).toBe(0);
    expect(await pushWith(flag('right'), env('wrong'), { password: 'wrong' })).toBe(1);
    expect(await pushWith(flag('right'), env('wrong'))).toBe(0);
    expect(await pushWith([...flag('wrong')], env('right'))).toBe(1);
    expect(await pushWith(file('wrong.txt'), env('right'))).toBe(0);
    expect(await pushWith(file('right.txt'), env(''))).toBe(0);
    expect(await pushWith(file('-'), { stdin: 'right\n' })).toBe(0);
    expect(await pushWith([], {})).toBe(1);
  });

  it('may be empty when that is said', async () => {
    const device = await start({ generation: '2026.10', password: '' });
    const words = ['--device', '127.0.0.1', '--port', String(device.port)];
    expect((await push([...words, '--password', ''])).exitCode).toBe(0);
    expect((await push(words)).stdout).toContain('code: device-password-missing');
  });
});

describe('a push that is asked wrongly', () => {
  const device = ['--device', 'lamp.local'];
  it.each([
    [[], 'no device is given', 'devices-missing'],
    [[...device, '--batch', 'b.json'], '--device and --batch exclude each other', 'usage'],
    [['--device', 'http://lamp.local'], 'is a URL; give only its host', 'usage'],
    [['--device', 'lamp.local:3232'], 'has a port in it', 'usage'],
    [['--batch', 'none.json'], 'there is no batch file', 'batch-missing'],
    [['--batch', 'b.txt'], 'is neither .json nor .csv', 'batch-invalid'],
    [['--batch', 'bad.json'], 'entry 1: the key "host" is missing', 'batch-invalid'],
    [[...device, '--port', '99999'], '--port takes a whole number from 1 to 65535', 'usage'],
    [[...device, '--encryption-key', 'abc'], 'the encryption key is not 32 bytes', 'usage'],
    [
      [...device, '--password-file', 'none'],
      'cannot read the password file',
      'password-file-unreadable',
    ],
    [[...device, '--protocol', 'mqtt'], 'Invalid values', 'usage'],
    [[...device, '--set', 'esphome.tiemout=3'], 'unknown key "tiemout"', 'channel-invalid'],
    [[...device, '--concurrency', '0'], '--concurrency takes a whole number', 'usage'],
    [[...device, '--allow', 'no-such'], 'no-such', 'check-unknown'],
  ])('%j is refused with status 2', async (words, message, code) => {
    const files = { 'b.json': [{ host: 'a' }], 'b.txt': 'x', 'bad.json': [{ port: 1 }] };
    const { exitCode, stderr } = await push(words, files);
    expect(stderr).toContain(message);
    expect(stderr).toContain(`code: ${code}`);
    expect(exitCode).toBe(2);
  });

  it('an image that would brick devices is refused before anything is sent, unless that is allowed', async () => {
    const target = await start({ takesAnything: true });
    const words = ['--device', '127.0.0.1', '--port', String(target.port)];
    const files = { 'firmware.bin': 'this is no firmware' };
    const { exitCode, stderr } = await push(words, files);
    expect(stderr).toContain('app-image: found an unknown file');
    expect(stderr).toContain('code: check-failed');
    expect(exitCode).toBe(1);
    expect(target.sessions).toBe(0);
    const wrongChip = await push([...words, '--chip', 'esp32c3']);
    expect(wrongChip.stderr).toContain('chip: found an image for esp32s3, expected esp32c3');
    expect(target.sessions).toBe(0);
    expect((await push([...words, '--allow', 'app-image'], files)).exitCode).toBe(0);
  });

  it('a firmware file that is not there is named', async () => {
    const cwd = await createFolder();
    const ran = await runOta(['push', '--binary', 'none.bin', ...device], { cwd });
    expect(ran.stderr).toContain('code: binary-missing');
    expect(ran.exitCode).toBe(2);
  });
});
