import { describe, expect, it } from 'vitest';
import { holdClosedPort } from '../support/closed-port.ts';
import { testBroker, testClient, testUpdateServer } from '../support/fleet.ts';
import { runOta } from '../support/io.ts';
import { createFolder } from '../support/temporary-workspace.ts';

async function scene(changes: { port?: number; base?: string } = {}) {
  const broker = await testBroker();
  const server = await testUpdateServer('1.1.0');
  const cwd = await createFolder({
    'ota_deploy_config.json': {
      server: { base_url: changes.base ?? server.url },
      mqtt: {
        broker: '127.0.0.1',
        port: changes.port ?? broker.port,
        command_topic: 'fleet/{device}/ota/command',
        status_topic: 'fleet/{device}/ota/status',
      },
    },
  });
  return { broker, server, ota: (...words: string[]) => runOta(words, { cwd, live: true }) };
}

describe('ota doctor', () => {
  it('says one line a check, and 0 when nothing is wrong', async () => {
    const { ota, broker } = await scene();
    const ran = await ota('doctor');
    expect(ran.stdout.split('\n').map((line) => line.split(': ').slice(0, 2).join(': '))).toEqual([
      'ok: broker',
      'ok: packet size',
      'ok: subscribe to status',
      'ok: subscribe to commands',
      'ok: retained leftovers',
      'ok: publish commands',
      'ok: version.json',
      'ok: firmware',
      'ok: Content-Length',
      'ok: no compression',
      'warning: ETag',
      'warning: Range',
      '12 checks, 0 failed, 2 warnings',
      '',
    ]);
    expect(ran.exitCode).toBe(0);
    await expect
      .poll(() => broker.published.map(({ topic }) => topic))
      .toEqual(['fleet/ota-doctor/ota/command']);
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

  it('looks at the server also when there is no broker, and the other way round', async () => {
    const { ota } = await scene({ port: await holdClosedPort() });
    const ran = await ota('doctor');
    expect(ran.stdout).toContain('FAILED: broker: nothing listens at 127.0.0.1:');
    expect(ran.stdout).toContain('ok: version.json');
    expect(ran.exitCode).toBe(1);
    const other = await scene({ base: `http://127.0.0.1:${await holdClosedPort()}` });
    expect((await other.ota('doctor')).stdout).toContain('FAILED: version.json: nothing listens');
  });
});
