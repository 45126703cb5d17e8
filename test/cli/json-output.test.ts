import { readdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DeviceStatus } from '../../tools/core/fleet/commands/status.ts';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { statusEventJson } from '../../tools/workflows/watch.ts';
import { runOta } from '../support/io.ts';
import { jsonCommands, requireConforming, schemaCheck, schemaOf } from '../support/json-output.ts';
import { startService } from '../support/service.ts';
import { createFolder, sampleImage, sampleManifest } from '../support/temporary-workspace.ts';

const image = buildImage({ chip: 'esp32', project: 'app', version: '1.1.0' });

/** A command line that does its work; its JSON was held against the schema on the way. */
async function ran(cwd: string, ...words: string[]) {
  const { exitCode, stdout, stderr } = await runOta([...words, '--json'], { cwd, live: true });
  return { exitCode, stderr, value: JSON.parse(stdout) };
}

describe('the JSON of every command', () => {
  it.each(jsonCommands)('%s has a schema', (command) => {
    expect(() => schemaCheck(schemaOf([command]))).not.toThrow();
  });

  it('has schemas that allow no key that they do not name', () => {
    const folder = join(import.meta.dirname, '../../schemas');
    const names = new Set(jsonCommands.map((command) => schemaOf([command])));
    for (const name of [...names, 'error']) {
      expect(readdirSync(folder)).toContain(`${name}.schema.json`);
      if (name !== 'device-batch') expect(schemaCheck(name)({ surprise: 1 }), name).not.toEqual([]);
    }
  });

  it('is compared by every test that runs a command line', () => {
    expect(() => requireConforming(['validate', '--json'], '{"ok": true}')).toThrow('versions');
    expect(() =>
      requireConforming(['watch', '--json'], '{"time": "x", "device": "d"}\n'),
    ).toThrow();
    const error = { ok: false, error: { code: 'usage' } };
    expect(() => requireConforming(['validate', '--json'], JSON.stringify(error))).toThrow(
      'message',
    );
    expect(() => requireConforming(['validate'], 'valid')).not.toThrow();
  });

  it('is as described from the first release to the last file', async () => {
    const cwd = await createFolder({ 'ota/manifest.json': sampleManifest() });
    for (const version of ['1.0.0', '1.1.0']) {
      await writeFile(join(cwd, 'app.bin'), sampleImage(version));
      const words = ['package', '--binary', 'app.bin', '--version', version, '--update-manifest'];
      expect((await ran(cwd, ...words, '--dry-run')).value.dry_run).toBe(true);
      expect((await ran(cwd, ...words)).value.outcome).toBe('created');
      expect((await ran(cwd, ...words)).value.outcome).toBe('unchanged');
    }
    expect((await ran(cwd, 'validate')).value).toMatchObject({ ok: true, versions: 2 });
    expect((await ran(cwd, 'verify')).value.verified).toHaveLength(2);
    expect((await ran(cwd, 'list')).value.versions).toHaveLength(2);
    expect((await ran(cwd, 'inspect', 'app.bin')).value.ok).toBe(true);
    expect((await ran(cwd, 'keygen', '--out', 'k.pem')).value.ok).toBe(true);
    expect((await ran(cwd, 'keygen', '--out', 'k.pem')).value.error.code).toBe('file-exists');
    const published = await ran(cwd, 'publish', '--version', '1.1.0', '--to', 'www');
    expect(published.value.published.version).toBe('1.1.0');
    expect((await ran(cwd, 'prune', '--keep', '1')).value.removed).toHaveLength(1);
    await rm(join(cwd, 'ota/versions/1.1.0'), { recursive: true });
    expect((await ran(cwd, 'verify')).value).toMatchObject({ ok: false, verified: [] });
    expect((await ran(cwd, 'validate')).value.ok).toBe(false);
    const config = await ran(cwd, 'init', '--deploy-config', 'lab.json');
    expect(config.value).toEqual({ ok: true, files: [join(cwd, 'lab.json')] });
    const made = await ran(cwd, 'init', '--dir', 'new', '--name', 'x', '--hardware', 'esp32');
    expect(made.value.manifest.product.name).toBe('x');
    expect((await ran(cwd, 'init', '--dir', 'new', '--name', 'x')).value.ok).toBe(false);
  });

  it('is as described of the smoke test and the demonstration', async () => {
    const cwd = await createFolder({ 'ota/manifest.json': sampleManifest() });
    expect((await ran(cwd, 'smoke-test')).value).toMatchObject({ ok: true, failed: 0 });
    const none = await ran(cwd, 'smoke-test', '--manifest', 'none.json');
    expect(none.value).toMatchObject({ ok: false, failed: 1 });
    expect((await ran(cwd, 'demo')).value).toMatchObject({
      ok: true,
      devices: [{ received: { size: 1_310_720 } }, { ok: true }],
    });
    expect((await ran(cwd, 'demo', '--binary', 'none.bin')).value.error.code).toBe(
      'binary-missing',
    );
  });

  it('has a place for everything that a status message can say', () => {
    const status = {
      ...{ state: 'downloading', progressPct: 5, message: 'm', error: 'e', build: 7 },
      ...{ currentVersion: '1', availableVersion: '2', rollbackPending: true, freeHeapBytes: 1 },
      ...{ uptimeS: 1, timestampUs: 1, deviceId: 'd', model: 'esp32', commandId: 'c' },
      extra: { rssi: -70 },
    } satisfies Required<DeviceStatus>;
    const about = { device: 'd', receivedAtMs: 0, retained: true };
    const event = statusEventJson({ type: 'status', named: true, status, ...about });
    expect(schemaCheck('watch')(event)).toEqual([]);
    expect(Object.keys(event)).toHaveLength(Object.keys(status).length + 3);
    const malformed = statusEventJson({ type: 'malformed', problem: 'no JSON', ...about });
    expect(schemaCheck('watch')(malformed)).toEqual([]);
  });

  it('says of virtual devices that poll how all rounds ended', async () => {
    const service = await startService();
    await service.upload('1.1.0', image);
    await service.rollout('all', '1.1.0');
    const words = ['simulate', 'devices', '--count', '3', '--rounds', '2', '--interval', '0'];
    const { value } = await ran(await createFolder(), ...words, '--url', service.url);
    expect(value).toMatchObject({
      rounds: 2,
      outcomes: { updated: 3, none: 3, failed: 0 },
      versions: { '1.1.0': 3 },
    });
  });
});
