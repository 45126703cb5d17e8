import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { holdClosedPort } from '../support/closed-port.ts';
import { testBroker, testClient, testImage, testUpdateServer } from '../support/fleet.ts';
import { runOta } from '../support/io.ts';
import { createFolder, sampleManifest } from '../support/temporary-workspace.ts';

async function scene(changes: { port?: number; base?: string; topics?: string } = {}) {
  const broker = await testBroker();
  const server = await testUpdateServer('1.1.0');
  const cwd = await createFolder({
    'ota_deploy_config.json': {
      server: { base_url: changes.base ?? server.url },
      mqtt: {
        broker: '127.0.0.1',
        port: changes.port ?? broker.port,
        command_topic: `${changes.topics ?? 'fleet/{device}/ota'}/command`,
        status_topic: `${changes.topics ?? 'fleet/{device}/ota'}/status`,
      },
    },
  });
  const ota = (...words: string[]) => runOta(words, { cwd, live: true });
  return { broker, server, cwd, ota };
}

/** Packages an image of the update server's size and version; `seed` makes it another build. */
async function packageRelease({ cwd, ota }: Awaited<ReturnType<typeof scene>>, image: Uint8Array) {
  await writeFile(join(cwd, 'app.bin'), image);
  await mkdir(join(cwd, 'ota'));
  const manifest = sampleManifest({ product: { name: 'Gateway', hardware: 'esp32' } });
  await writeFile(join(cwd, 'ota/manifest.json'), JSON.stringify(manifest));
  const words = ['package', '--binary', 'app.bin', '--version', '1.1.0', '--update-manifest'];
  expect((await ota(...words)).stderr).toBe('');
}

describe('ota doctor', () => {
  it('says one line a check, and 0 when nothing is wrong', async () => {
    const { ota, broker } = await scene();
    const ran = await ota('doctor');
    expect(ran.stdout.split('\n').map((line) => line.split(': ').slice(0, 2).join(': '))).toEqual([
      'ok: broker',
      'ok: packet size',
      'ok: subscribe to status',
      'ok: retained leftovers',
      'ok: publish commands',
      'ok: version.json',
      'ok: firmware',
      'ok: firmware.bin',
      'ok: Content-Length',
      'ok: no compression',
      'warning: ETag',
      'warning: Range',
      '12 checks, 0 failed, 2 warnings',
      '',
    ]);
    expect(ran.exitCode).toBe(0);
    const said = broker.published.map(({ topic, payload }) => `${topic} ${payload}`);
    expect(said).toEqual([
      'fleet/ota-doctor/ota/status ',
      'fleet/ota-doctor/ota/command {"action":"none"}',
    ]);
  });

  it('sends nothing on a topic that reaches all devices, and says so', async () => {
    const { ota, broker } = await scene({ topics: 'bms/ota' });
    const ran = await ota('doctor');
    expect(ran.stdout).toContain(
      'warning: publish commands: not tried: bms/ota/command reaches every device, and MQTT 3.1.1',
    );
    expect(broker.published).toEqual([]);
    expect(ran.exitCode).toBe(0);
  });

  it('finds a command that was left at the broker', async () => {
    const { ota, broker } = await scene();
    const client = await testClient(broker.url);
    await client.publish('fleet/d1/ota/command', '{"action":"update"}', { qos: 1, retain: true });
    const ran = await ota('health');
    expect(ran.stdout).toContain('FAILED: retained leftovers: a command is kept on fleet/d1/ota');
    expect(ran.exitCode).toBe(1);
  });

  it('finds firmware that is not what version.json says', async () => {
    const { ota, server } = await scene();
    server.files.set(`/${server.file.file}`, Buffer.alloc(server.image.length));
    const ran = await ota('doctor', '--json');
    const { ok, checks } = JSON.parse(ran.stdout);
    expect(ok).toBe(false);
    expect(checks).toContainEqual(
      expect.objectContaining({
        name: 'firmware',
        status: 'failed',
        message: expect.stringMatching(/^has SHA-256 [0-9a-f]{64}, version\.json says/),
      }),
    );
    server.files.delete('/version.json');
    expect((await ota('doctor')).stdout).toContain('/version.json answers with 404');
  });

  it('asks the server as the user that base_url names, whose password it never shows', async () => {
    const { server } = await scene();
    const { ota } = await scene({ base: server.url.replace('://', '://pi:raspberry@') });
    const good = await ota('doctor');
    expect(good.stdout).toContain('ok: version.json: 1.1.0 at http://***@127.0.0.1:');
    expect(server.users).toContain('pi:raspberry');
    server.files.set('/version.json', Buffer.from('{'));
    const broken = await ota('doctor');
    expect(broken.stdout).toContain('FAILED: version.json: http://***@127.0.0.1:');
    server.files.delete('/version.json');
    const gone = await ota('doctor');
    expect(gone.stdout).toContain('/version.json answers with 404');
    for (const { stdout } of [good, broken, gone]) expect(stdout).not.toContain('raspberry');
  });

  it('says which topic cannot be used, and looks at the server all the same', async () => {
    const { ota } = await scene({ topics: 'fleet/{house}/ota' });
    const ran = await ota('doctor');
    expect(ran.stdout).toContain(
      'FAILED: broker: the topic "fleet/{house}/ota/command" has {house}',
    );
    expect(ran.stdout).toContain('ok: version.json');
    expect(ran.exitCode).toBe(1);
  });

  it('looks at the server also when there is no broker, and the other way round', async () => {
    const { ota } = await scene({ port: await holdClosedPort() });
    const ran = await ota('doctor');
    expect(ran.stdout).toContain('FAILED: broker: nothing listens at 127.0.0.1:');
    expect(ran.stdout).toContain('ok: version.json');
    expect(ran.exitCode).toBe(1);
    const other = await scene({ base: `http://127.0.0.1:${await holdClosedPort()}` });
    expect((await other.ota('doctor')).stdout).toContain('FAILED: version.json: nothing listens');
  });

  it('finds a firmware.bin that is not what version.json names', async () => {
    const { ota, server } = await scene();
    server.files.set('/firmware.bin', testImage('1.0.0'));
    const ran = await ota('doctor');
    expect(ran.stdout).toContain(
      'FAILED: firmware.bin: is not the file that version.json names -> Run `ota publish`',
    );
    expect(ran.exitCode).toBe(1);
  });

  it('holds a release against what the server offers under its version', async () => {
    const at = await scene();
    await packageRelease(at, at.server.image);
    const ran = await at.ota('doctor', '--version', '1.1.0');
    expect(ran.stdout).toContain(
      'ok: release: 1.1.0: Gateway-1.1.0.bin, 40000 bytes, hash right\n',
    );
    expect(ran.stdout).toContain('ok: published release: the server offers it\n');
    const other = await scene();
    await packageRelease(other, testImage('1.1.0', 50_000));
    const found = await other.ota('doctor', '--version', '1.1.0');
    expect(found.stdout).toContain('FAILED: published release: the server has other bytes');
    expect(found.exitCode).toBe(1);
  });

  it('finds a release that is damaged, and one that does not exist', async () => {
    const at = await scene();
    await packageRelease(at, at.server.image);
    const unknown = await at.ota('doctor', '--version', '9.9.9');
    expect(unknown.stdout).toMatch(/^FAILED: release: .*9\.9\.9/);
    await writeFile(join(at.cwd, 'ota/versions/1.1.0/Gateway-1.1.0.bin'), 'x');
    const ran = await at.ota('doctor', '--version', '1.1.0', '--json');
    expect(ran.exitCode).toBe(1);
    expect(JSON.parse(ran.stdout).checks[0]).toMatchObject({ name: 'release', status: 'failed' });
  });

  it('stops when it is told to', async () => {
    const { cwd } = await scene();
    const ran = await runOta(['doctor'], { cwd, live: true, signal: AbortSignal.abort() });
    expect(ran.exitCode).toBe(130);
  });
});
